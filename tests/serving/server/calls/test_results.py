"""What Classify and Regress make of a model's outputs."""

from __future__ import annotations

import numpy as np
import pytest

from serving.server.calls import classify, regress
from serving.server.status import StatusError

WORDS = np.array([[b"a", b"b"]], object)
SCORES = np.float32([[0.25, 0.75]])


def test_labels_and_scores_go_together():
    assert classify.results({"classes": WORDS, "scores": SCORES}, 1) == [[(b"a", 0.25), (b"b", 0.75)]]


def test_what_is_absent_is_empty_or_zero():
    assert classify.results({"classes": WORDS}, 1) == [[(b"a", 0.0), (b"b", 0.0)]]
    assert classify.results({"scores": SCORES}, 1) == [[(b"", 0.25), (b"", 0.75)]]


@pytest.mark.parametrize(
    ("outputs", "num_examples", "message"),
    [
        ({"scores": np.float32([1])}, 1, "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        ({"classes": np.int32([[1]])}, 1, "Expected classes Tensor of DT_STRING. Got: DT_INT32"),
        ({"scores": np.float64([[1]])}, 1, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ({"classes": WORDS}, 4, "Expected classes output batch size of 4. Got: 1"),
        (
            {"classes": WORDS, "scores": SCORES[:, :1]},
            1,
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
    ],
)
def test_outputs_that_are_no_classifiers(outputs, num_examples, message):
    with pytest.raises(StatusError) as caught:
        classify.results(outputs, num_examples)

    assert caught.value.message == message


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_regression_is_one_number_for_each_example(shape):
    assert regress.results({"outputs": np.ones(shape, np.float32)}, 2).tolist() == [1.0, 1.0]
