"""A SavedModel in memory."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref

import numpy as np
import pytest
import tensorflow as tf

from serving.server.engine.savedmodel import SavedModel
from serving.server.status import StatusError

from .conftest import tensors

F32 = np.float32


def test_run_and_submit_give_the_same(loaded):
    feeds, fetches = tensors(loaded, x=np.array([4, 6], F32))

    assert loaded.run(feeds, fetches)[0].tolist() == [4, 5]
    assert loaded.submit(feeds, fetches).result()[0].tolist() == [4, 5]


def test_signatures_say_what_they_take_and_give(loaded):
    signature = loaded.signatures["table"]

    assert {name: (spec.dtype, spec.shape) for name, spec in signature.inputs.items()} == {
        "color": ("string", (None,)),
        "size": ("float", (None,)),
    }
    assert list(signature.outputs) == ["class", "confidence", "probabilities"]
    assert signature.outputs["probabilities"].shape == (None, 2)
    assert signature.method_name == "tensorflow/serving/predict"


def test_the_signature_map_is_that_of_the_file(loaded, toy):
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((toy / "saved_model.pb").read_bytes())
    assert dict(loaded.signature_def) == dict(saved.meta_graphs[0].signature_def)
    assert "__saved_model_init_op" in loaded.signature_def
    assert "__saved_model_init_op" not in loaded.signatures


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"size": np.array([1], np.int32), "color": np.array([b"a"], object)}, "arg[0] to be float but int32"),
        ({"size": np.array([1], F32), "color": np.array([1.0])}, "arg[1] to be string but double"),
        ({"size": np.array([b"a"], object), "color": np.array([b"a"], object)}, "arg[0] to be float but string"),
    ],
)
@pytest.mark.parametrize("call", ["run", "submit"])
def test_types_are_compared_in_the_order_of_the_feeds(loaded, arrays, message, call):
    with pytest.raises(StatusError) as caught:
        getattr(loaded, call)(*tensors(loaded, "table", **arrays))

    assert str(caught.value) == f"INVALID_ARGUMENT: Expects {message} is provided"


def test_defaults_of_a_signature_are_read(tmp_path):
    class Scaled(tf.Module):
        @tf.function
        def call(self, x, factor):
            return {"y": x * factor}

    module = Scaled()
    concrete = module.call.get_concrete_function(
        tf.TensorSpec((None,), tf.float32, "x"), tf.TensorSpec((), name="factor")
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": concrete})
    _set_default(tmp_path, "factor", 3.0)

    model = SavedModel(tmp_path)

    assert model.signatures["serving_default"].defaults["factor"].tolist() == 3.0
    model.close()


def _set_default(folder, name: str, value: float) -> None:
    """Write what an export with a default argument writes."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    defaults = saved.meta_graphs[0].signature_def["serving_default"].defaults
    defaults[name].CopyFrom(tf.make_tensor_proto(value))
    path.write_bytes(saved.SerializeToString())


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(StatusError) as caught:
        SavedModel(tmp_path)

    assert caught.value.code.name == "NOT_FOUND"
    assert caught.value.message == (
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
        f"`saved_model.pb`)\nSpecified file path: {tmp_path}"
    )


def test_tags_choose_the_graph(toy):
    with pytest.raises(StatusError) as caught:
        SavedModel(toy, tags=("serve", "tpu"))

    assert caught.value.code.name == "NOT_FOUND"
    assert caught.value.message.startswith("Could not find meta graph def matching supplied tags: { serve tpu }")


def test_a_session_bundle_is_refused(tmp_path):
    (tmp_path / "export.meta").touch()
    with pytest.raises(StatusError, match=r"UNIMPLEMENTED: Session Bundle is deprecated and removed\."):
        SavedModel(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x00" * 100])
def test_a_corrupt_graph_is_an_error_of_its_own(toy, tmp_path, content):
    shutil.copytree(toy, tmp_path / "1")
    (tmp_path / "1" / "saved_model.pb").write_bytes(content)

    with pytest.raises(StatusError):
        SavedModel(tmp_path / "1")


def test_what_is_closed_leaves_neither_threads_nor_a_session(toy):
    SavedModel(toy).close()
    before = threading.active_count()
    model = SavedModel(toy)
    feeds, fetches = tensors(model, x=np.array([4], F32))
    model.submit(feeds, fetches).result()
    graph = weakref.ref(model._session.graph)

    model.close()
    del model
    gc.collect()

    assert threading.active_count() == before
    assert graph() is None
