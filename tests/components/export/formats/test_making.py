"""What was asked for is made, compared with Keras on held-out examples, or refused with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from components.export import step
from components.export.formats import making, plain
from estafet.errors import StepFailed
from estafet.records.reading import raw_examples
from estafet.release import Release
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel

pytestmark = pytest.mark.slow
ALL = ["keras", "saved_model", "lite-float", "lite-dynamic", "lite-int8", "tfjs"]


@pytest.mark.parametrize("task", [Task.IMAGE_CLASSIFICATION, Task.TABULAR_REGRESSION])
def test_every_format_is_made_and_close_to_keras(task, formats_of):
    folder, papers = formats_of(task)

    assert [(part.name, part.problem) for part in papers.formats] == [(name, "") for name in ALL]
    for part in papers.formats[1:]:
        limit = 0.1 if part.name in ("lite-dynamic", "lite-int8") else 1e-3
        assert part.max_difference <= limit
        assert (folder / part.path).exists()
    assert Release.load(folder).formats == papers.formats


def test_a_lite_model_answers_by_itself_what_the_served_one_answers(formats_of, relay_of):
    """Asked here without any of our code: the file, LiteRT and the columns in the order that tensors.json gives."""
    from ai_edge_litert.interpreter import Interpreter

    folder, _ = formats_of(Task.TABULAR_REGRESSION)
    raw = raw_examples(relay_of(Task.TABULAR_REGRESSION).dataset, "test", 4)
    tensors = json.loads((folder / "estafet" / "tensors.json").read_text())
    (columns,) = tensors["columns"].values()
    numeric_NC = np.stack([raw[name] for name in columns], axis=1).astype(np.float32)

    runner = Interpreter(str(folder / "estafet/lite/float.tflite")).get_signature_runner("serving_default")
    found = runner(numeric=numeric_NC)[tensors["output"]]

    expected = SavedModel(folder).predict(raw)["prediction"]
    np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-4)


def test_eight_bits_take_less_room_than_thirty_two(formats_of):
    _, papers = formats_of(Task.IMAGE_CLASSIFICATION)
    size = {part.name: part.size_bytes for part in papers.formats}

    assert size["lite-int8"] < size["lite-float"] / 2
    assert size["lite-dynamic"] < size["lite-float"] / 2


def test_words_go_into_lite_but_not_into_int8_nor_into_a_browser(formats_of):
    folder, papers = formats_of(Task.TABULAR_CLASSIFICATION)
    problems = {part.name: part.problem for part in papers.formats}

    assert problems["lite-float"] == problems["lite-dynamic"] == ""
    assert "takes words" in problems["lite-int8"]
    assert "takes words" in problems["tfjs"]
    assert sorted(path.name for path in (folder / "estafet" / "lite").iterdir()) == ["dynamic.tflite", "float.tflite"]
    assert not (folder / "estafet" / "tfjs").exists()


def test_the_summary_and_the_page_say_what_was_made_and_what_not(formats_of):
    folder, papers = formats_of(Task.TABULAR_CLASSIFICATION)
    page = (folder / "estafet" / "export.html").read_text()

    assert "no lite-int8" in step.summary(papers)
    assert "lite-float" in step.summary(papers)
    assert "2 of 4 formats were made" in page
    assert "this model takes words" in page


def test_a_model_that_is_too_far_from_keras_is_not_kept(relay_of, evaluation_of, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "EXACT", 0.0)
    relay = relay_of(Task.TABULAR_REGRESSION)
    settings = step.Settings(name="tiny", lite="dynamic", max_difference=1e-9, **relay.settings())

    papers = step.export(settings, relay.model, relay.dataset, evaluation_of(relay.task), tmp_path / "1", provenance={})

    assert "export.max_difference" in papers.formats[2].problem
    assert not (tmp_path / "1/estafet/lite/dynamic.tflite").exists()


def test_strict_fails_the_step_and_leaves_nothing_behind(relay_of, evaluation_of, tmp_path):
    relay = relay_of(Task.TABULAR_CLASSIFICATION)
    settings = step.Settings(name="tiny", lite=["int8"], strict=True, **relay.settings())

    with pytest.raises(StepFailed, match="lite-int8 cannot be had: int8 needs numbers") as caught:
        step.export(settings, relay.model, relay.dataset, evaluation_of(relay.task), tmp_path / "1", provenance={})

    assert "export.strict" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_examples_are_the_first_ones_of_the_split_in_the_models_own_tensors(relay_of):
    folder = relay_of(Task.TABULAR_REGRESSION).dataset
    raw = raw_examples(folder, "test", 3)

    found = plain.examples(folder, "test", 3)

    np.testing.assert_array_equal(found["numeric"], np.stack([raw["x"], raw["y"]], axis=1).astype(np.float32))
