"""Makes the models that the conformance suite asks: `python make_models.py FOLDER`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import tensorflow as tf

TYPES = (
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
)
ODD_TYPES = ("float16", "bfloat16", "complex64", "complex128")


def make(folder: Path) -> None:
    """Save `half_plus_two` (versions 1 and 2), `zoo`, and `models.config` with both."""
    save_half_plus_two(folder / "half_plus_two" / "1", offset=2.0)
    save_half_plus_two(folder / "half_plus_two" / "2", offset=2.0)
    save_zoo(folder / "zoo" / "1")
    (folder / "models.config").write_text(config(folder))
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }\n")


def config(folder: Path) -> str:
    """Return the text of the ModelServerConfig with which the suite expects the server to run."""
    return f"""model_config_list {{
  config {{
    name: "half_plus_two" base_path: "{folder}/half_plus_two" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "a b" value: 2 }}
  }}
  config {{ name: "zoo" base_path: "{folder}/zoo" model_platform: "tensorflow" }}
}}
"""


def save_half_plus_two(folder: Path, offset: float) -> None:
    """Save y = x / 2 + 2 and y2 = x / 2 + 3 as TensorFlow 1 did, with signatures to classify and to regress."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        half, plus = v1.get_variable("a", initializer=0.5), v1.get_variable("b", initializer=offset)
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        spec = {"x": tf.io.FixedLenFeature([1], tf.float32), "x2": tf.io.FixedLenFeature([1], tf.float32, [0.0])}
        parsed = tf.io.parse_example(serialized, spec)
        x = tf.identity(parsed["x"], name="x")
        y, y2 = tf.add(half * x, plus, name="y"), tf.add(half * x, 3.0, name="y2")
        words = tf.strings.as_string(y, precision=1, name="words")
        session.run(v1.global_variables_initializer())
        info, define = v1.saved_model.build_tensor_info, v1.saved_model.build_signature_def
        examples = {"inputs": info(serialized)}

        def signature(inputs: dict, method: str, **outputs: tf.Tensor):
            named = {name: info(tensor) for name, tensor in outputs.items()}
            return define(inputs, named, f"tensorflow/serving/{method}")

        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={
                "serving_default": signature({"x": info(x)}, "predict", y=y),
                "regress_x_to_y": signature(examples, "regress", outputs=y),
                "regress_x_to_y2": signature(examples, "regress", outputs=y2),
                "classify_x_to_y": signature(examples, "classify", scores=y),
                "classify_words": signature(examples, "classify", classes=words, scores=y),
                "classify_classes": signature(examples, "classify", classes=words),
                "bad_classes": signature(examples, "classify", classes=y),
                "two_to_one": signature({"inputs": info(serialized), "x": info(x)}, "classify", scores=y),
                "neither": signature(examples, "classify", outputs=y),
                "renamed": signature({"given": info(serialized)}, "regress", outputs=y),
                "wide": signature(examples, "regress", outputs=tf.tile(y, [1, 2])),
                "double": signature(examples, "regress", outputs=tf.cast(y, tf.float64)),
                "short": signature(examples, "regress", outputs=y[:1]),
                "odd_method": signature({"x": info(x)}, "guess", y=y),
            },
        )
        builder.save()


class Zoo(tf.Module):
    """Signatures for everything that one model does not have."""

    def __init__(self):
        super().__init__()
        self.count = tf.Variable(0, dtype=tf.int64)
        self.weights = tf.Variable([[1.0], [2.0], [3.0]])


def save_zoo(folder: Path) -> None:
    """Save a model with a signature for each type, for several inputs, for state, and for failures."""
    zoo = Zoo()
    kinds = {kind: _identity(kind) for kind in (*TYPES, *ODD_TYPES)}
    tf.saved_model.save(zoo, str(folder), signatures=_several() | _odd() | _with_variables(zoo) | kinds)


def _spec(name: str, dtype: tf.DType, *shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec((None, *shape), dtype, name)


def _signature(*inputs: tf.TensorSpec):
    return tf.function(input_signature=inputs)


def _identity(kind: str):
    return tf.function(lambda v: {"v": tf.identity(v)}, input_signature=[tf.TensorSpec(None, kind, "v")])


def _several() -> dict:
    """Return signatures with several inputs and outputs, bytes, and defaults."""

    @_signature(_spec("size", tf.float32), _spec("color", tf.string))
    def table(size, color):
        sure = tf.sigmoid(size)
        return {"word": tf.strings.join([color, "!"]), "sure": sure, "both": tf.stack([1 - sure, sure], axis=1)}

    @_signature(_spec("image_bytes", tf.string))
    def echo(image_bytes):
        return {"copy_bytes": image_bytes, "length": tf.strings.length(image_bytes)}

    @_signature(_spec("x", tf.float32), _spec("y", tf.float32))
    def added(x, y=tf.constant([10.0])):
        return {"z": x + y}

    return {"table": table, "echo": echo, "added": added}


def _odd() -> dict:
    """Return signatures whose outputs share no first dimension, or that take nothing, or fail."""

    @_signature(_spec("x", tf.float32))
    def total(x):
        return {"sum": tf.reduce_sum(x)}

    @_signature(_spec("x", tf.float32))
    def uneven(x):
        return {"a": x, "b": tf.concat([x, x], axis=0)}

    @_signature()
    def constant():
        return {"c": tf.constant([7.0])}

    @_signature(_spec("x", tf.float32))
    def failing(x):
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x < 0), ["too large"])]):
            return {"y": tf.identity(x)}

    @_signature(_spec("turns", tf.int32))
    def slow(turns):
        return {"turns": tf.while_loop(lambda turn: turn < turns[0], lambda turn: [turn + 1], [0])[0][tf.newaxis]}

    return {"total": total, "uneven": uneven, "constant": constant, "failing": failing, "slow": slow}


def _with_variables(zoo: Zoo) -> dict:
    @_signature(_spec("x", tf.float32, 3))
    def matrix(x):
        return {"y": x @ zoo.weights}

    @_signature(_spec("by", tf.int64))
    def counter(by):
        return {"count": zoo.count.assign_add(tf.reduce_sum(by))[tf.newaxis] + 0 * by[:1]}

    return {"matrix": matrix, "counter": counter}


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    shutil.rmtree(target, ignore_errors=True)
    make(target)
