"""Recorded requests that are replayed before a version is served."""

from __future__ import annotations

import shutil

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server.engine.loading import Loader
from serving.server.engine.savedmodel import SavedModel
from serving.server.engine.warmup import MAX_RECORDS, WARMUP_FILE, warm_up
from serving.server.options import Options
from serving.server.status import StatusError


class Counter(tf.Module):
    """Counts the examples that it has seen, under every kind of signature."""

    def __init__(self):
        super().__init__()
        self.seen = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
    def count(self, x):
        return {"seen": self.seen.assign_add(tf.cast(tf.size(x), tf.float32)) + 0 * x}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "inputs")])
    def score(self, inputs):
        seen = self.seen.assign_add(tf.cast(tf.size(inputs), tf.float32))
        return {"scores": tf.fill([tf.size(inputs), 1], seen)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "inputs")])
    def value(self, inputs):
        return {"outputs": tf.fill([tf.size(inputs)], self.seen.assign_add(tf.cast(tf.size(inputs), tf.float32)))}


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    folder, module = tmp_path_factory.mktemp("counter") / "1", Counter()
    signatures = {"serving_default": module.count, "classify": module.score, "regress": module.value}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


@pytest.fixture
def folder(counter, tmp_path):
    return shutil.copytree(counter, tmp_path / "1")


@pytest.fixture
def model(folder):
    model = SavedModel(folder)
    yield model
    model.close()


def log(kind: str, signature: str = "", num_examples: int = 1):
    record = prediction_log_pb2.PredictionLog()
    request = getattr(record, f"{kind}_log").request
    request.model_spec.name, request.model_spec.signature_name = "another", signature
    request.model_spec.version.value = 99
    if kind == "predict":
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0] * num_examples))
    else:
        for _ in range(num_examples):
            request.input.example_list.examples.add()
    return record


def write(folder, *records) -> None:
    (folder / WARMUP_FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARMUP_FILE)) as file:
        for record in records:
            file.write(record if isinstance(record, bytes) else record.SerializeToString())


def seen(model) -> float:
    """Return how many examples the model has seen; looking shows it one more."""
    signature = model.signatures["serving_default"]
    (spec,), (out,) = signature.inputs.values(), signature.outputs.values()
    return float(model.run({spec.tensor: tf.constant([0.0]).numpy()}, [out.tensor])[0][0]) - 1


def refused(folder, model) -> str:
    with pytest.raises(StatusError) as caught:
        warm_up(model, folder)
    return str(caught.value)


def test_every_kind_of_request_is_replayed_on_this_version(folder, model):
    """2 + 3 + 4 examples; the names and versions in the requests are not looked at, effects stay."""
    write(folder, log("predict", num_examples=2), log("classify", "classify", 3), log("regress", "regress", 4))

    assert warm_up(model, folder) == 3
    assert seen(model) == 9


def test_requests_are_replayed_as_often_as_was_said(folder, model):
    write(folder, log("predict", num_examples=2))

    warm_up(model, folder, num_iterations=3)

    assert seen(model) == 6


def test_nothing_is_done_without_a_file_or_for_a_record_without_a_request(folder, model):
    assert warm_up(model, folder) == 0
    write(folder, prediction_log_pb2.PredictionLog())

    assert warm_up(model, folder) == 1
    assert seen(model) == 0


def test_more_records_than_allowed_are_refused(folder, model):
    write(folder, *[b""] * MAX_RECORDS)
    assert warm_up(model, folder) == MAX_RECORDS
    write(folder, *[b""] * (MAX_RECORDS + 1))

    assert refused(folder, model) == (
        f"INVALID_ARGUMENT: Number of warmup records exceeds the maximum (1000) at {folder / WARMUP_FILE}"
    )


def test_a_request_that_fails_is_an_error(folder, model):
    write(folder, log("predict", "none"))

    assert refused(folder, model) == 'FAILED_PRECONDITION: Serving signature key "none" not found.'


def test_other_kinds_are_not_supported(folder, model):
    record = prediction_log_pb2.PredictionLog()
    record.session_run_log.request.model_spec.name = "m"
    write(folder, record)

    number = prediction_log_pb2.PredictionLog.DESCRIPTOR.fields_by_name["session_run_log"].number
    assert refused(folder, model) == f"UNIMPLEMENTED: Unsupported log_type for warmup: {number}"


def test_a_damaged_file_is_an_error(folder, model):
    write(folder, b"\xff\xff\xff")
    assert refused(folder, model).startswith("INVALID_ARGUMENT: Failed to parse warmup record: ")
    (folder / WARMUP_FILE).write_bytes(b"no records at all, and certainly no checksums")

    message = refused(folder, model)
    assert message.startswith("DATA_LOSS: ")
    assert message.endswith("Please verify your warmup data is in TFRecord format.")


def test_the_warm_up_is_part_of_the_load(folder):
    write(folder, log("predict", num_examples=2))
    model = Loader(Options())(folder)
    cold = Loader(Options(warm_up=False))(folder)
    write(folder, log("predict", "none"))
    with pytest.raises(StatusError, match="not found"):
        Loader(Options())(folder)

    assert (seen(model), seen(cold)) == (2, 0)
    model.close()
    cold.close()
