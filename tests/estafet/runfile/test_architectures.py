"""What a run file is answered whose `model.build` does not do."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.runfile import load
from estafet.runfile.architectures import name_of
from estafet.runfile.tasks import Task


def error_of(path, **options) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path, **options)
    return caught.value


def of_images(write):
    """Return a run file of images, whose model stands on line 5."""
    return write(
        text="name: x\ntask: image_classification\ndata: {source: a, label: b}\nmodel:\n  build: efficientnetv2b0\n"
    )


@pytest.mark.parametrize("build", ["default", "wide_and_deep", "mlp", "linear", "my.module:make"])
def test_a_name_of_the_task_and_the_users_own_are_taken(write, build):
    assert load(write(), overrides=[f"model.build={build}"]).run.model.build == build


def test_an_unknown_name_is_answered_with_its_line_and_the_closest_name_of_the_task(write):
    error = error_of(of_images(write))

    assert error.message.startswith("run.yaml:5: model.build is 'efficientnetv2b0', which is no architecture")
    assert "default, cnn, resnet, ConvNeXtTiny" in error.message
    assert error.hint.startswith("did you mean 'EfficientNetV2B0'?")


def test_a_name_of_another_task_is_answered_with_that_task_and_the_names_of_this(write):
    error = error_of(write(), overrides=["model.build=lstm"])

    assert error.message == (
        "--set model.build=lstm: model.build is 'lstm', which is for forecasting; "
        "for tabular_regression there are default, wide_and_deep, mlp, linear."
    )
    assert "`default` is wide_and_deep" in error.hint


def test_a_name_as_python_spells_it_is_understood(write):
    error = error_of(of_images(write), overrides=["model.build=keras.applications.ResNet50"])

    assert error.hint.startswith("did you mean 'ResNet50'?")


def test_images_that_are_too_small_are_told_before_they_are_read(write):
    overrides = ["model.build=InceptionV3", "data.image_size=[64, 80]"]

    error = error_of(of_images(write), overrides=overrides)

    assert "at least 75 × 75 pixels, and these are 64 × 80" in error.message
    assert "data.image_size: [75, 75]" in error.hint


@pytest.mark.parametrize("build", ["my model", "module:", ":make", "a:b:c", "3d"])
def test_what_is_neither_a_name_nor_a_function_is_refused_with_what_it_may_be(write, build):
    error = error_of(write(), overrides=[f"model.build='{build}'"])

    assert f"(it is '{build}')" in error.message
    assert "module:function" in error.hint


def test_default_means_the_first_architecture_of_the_task():
    assert [name_of("default", task) for task in Task] == ["cnn", "wide_and_deep", "wide_and_deep", "nlinear"]
    assert name_of("gru", Task.FORECASTING) == "gru"
