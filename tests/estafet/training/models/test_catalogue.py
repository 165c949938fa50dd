"""Every name that a run file may give has an architecture, and every other name an answer."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

from estafet.errors import ConfigError
from estafet.runfile.architectures import BY_TASK, KERAS_APPLICATIONS
from estafet.runfile.space import Range
from estafet.runfile.tasks import Task
from estafet.training import models
from estafet.training.layers import ImageNetScale
from estafet.training.models import catalogue
from estafet.training.models.applications import scale_of
from estafet.training.models.hyperparameters import OF_THE_TRAINING, merge

OWN = [(task, name) for task, names in BY_TASK.items() for name in names if name not in KERAS_APPLICATIONS]


def _ends(space: Range) -> list:
    return list(space.choices) if space.choices else [space.low, space.high]


@pytest.fixture
def spec_of(image_spec, table_spec, series_spec):
    """Return a specification for each task."""
    images, series = image_spec(32, 32, 1), series_spec
    return lambda task: {Task.IMAGE_CLASSIFICATION: images, Task.FORECASTING: series}.get(task) or table_spec(task)


@pytest.mark.parametrize("task", list(Task))
def test_every_name_of_a_task_is_found_and_the_first_is_the_default(task):
    found = [catalogue.find(task, name).name for name in catalogue.names(task)]

    assert found == list(BY_TASK[task])
    assert catalogue.find(task, "default").name == found[0]


@pytest.mark.parametrize(("task", "name"), [*OWN, (Task.IMAGE_CLASSIFICATION, "EfficientNetV2B0")])
def test_every_suggested_value_is_one_that_the_architecture_takes(task, name, spec_of):
    architecture, space = catalogue.find(task, name), models.search_space(spec_of(task), name)

    assert set(OF_THE_TRAINING) <= set(space)
    for hyperparameter, values in space.items():
        if hyperparameter not in OF_THE_TRAINING:
            for value in _ends(values):
                assert merge(architecture, {hyperparameter: value})[hyperparameter] == value


def test_keras_applications_are_all_those_that_keras_has():
    functions = {name for name in dir(keras.applications) if name[0].isupper()}

    assert set(KERAS_APPLICATIONS) == functions


@pytest.mark.parametrize(("name", "least"), KERAS_APPLICATIONS.items())
def test_the_least_size_of_an_application_is_that_of_keras(name, least):
    small = (least - 1, least - 1, 3)

    with pytest.raises(ValueError, match=f"at least {least}x{least}"):
        getattr(keras.applications, name)(weights=None, include_top=False, input_shape=small)


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_an_application_gets_its_own_preprocessing(name):
    """Keras has a function `preprocess_input` beside each architecture; grey counts as three equal channels."""
    beside = sys.modules[getattr(keras.applications, name).__module__]
    grey = np.array([[[[0], [100]], [[200], [255]]]], np.uint8)

    scaled = ImageNetScale(scale_of(name))(grey)

    wanted = beside.preprocess_input(np.repeat(grey, 3, axis=-1).astype(np.float32))
    np.testing.assert_allclose(scaled, wanted, atol=1e-5)


def test_a_misspelt_architecture_is_named_with_its_neighbour_and_those_of_the_task(series_spec):
    with pytest.raises(ConfigError, match="'patchst', which is no architecture") as caught:
        models.build(series_spec, "patchst")

    assert "default, nlinear, linear, lstm, gru, tcn, patchtst" in caught.value.message
    assert "did you mean 'patchtst'?" in caught.value.hint


@pytest.mark.parametrize("ask", [models.build, models.default_hyperparameters, models.search_space])
def test_an_architecture_of_another_task_is_refused_with_its_own(ask, table_spec):
    with pytest.raises(ConfigError, match="'lstm', which is for forecasting; for tabular_classification there are"):
        ask(table_spec(), "lstm")


def test_an_application_refuses_images_that_are_too_small_and_says_how_to_enlarge_them(image_spec):
    with pytest.raises(ConfigError, match="at least 71 × 71 pixels, and these are 28 × 71") as caught:
        models.build(image_spec(28, 71, 3), "Xception")

    assert "data.image_size: [71, 71]" in caught.value.hint


def test_knowing_the_architectures_loads_no_keras():
    """The run file is checked where `estafet --help` must answer at once, and a step plans before it builds."""
    code = "import sys, estafet.runfile, estafet.training.models; print({'keras', 'tensorflow'} & set(sys.modules))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said == "set()\n"
