"""A model for TensorFlow.js, in its graph-model format: `model.json` and its weights in files of 4 MB.

TensorFlow.js has a converter in Python, whose newest version (4.22) does not go together with TensorFlow's protobuf.
What it writes is small: the frozen graph as JSON, with the values of its constants in files beside it.

Source:
    TensorFlow.js, `tfjs-converter` and `tfjs-core/src/io/types.ts`: `ModelJSON`, `WeightsManifestConfig`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.export.formats import plain
from components.export.formats.lite import NotConvertible
from components.export.formats.tfjs_ops import OPS

if TYPE_CHECKING:
    import tensorflow as tf

MODEL_FILE = "model.json"
SHARD_BYTES = 4 * 2**20
DTYPES = {"float16": "float32", "float64": "float32", "int64": "int32", "uint8": "int32", "int8": "int32"}
"""Types that TensorFlow.js does not have, and those that it takes in their place."""
KEPT = ("float32", "int32", "bool")
VALUE_FIELDS = (
    "tensor_content", "half_val", "float_val", "double_val", "int_val", "string_val", "scomplex_val", "int64_val",
    "bool_val", "uint32_val", "uint64_val",
)  # fmt: skip


def convert(saved: Path, folder: Path) -> None:
    """Write a model for TensorFlow.js.

    Args:
        saved: A SavedModel as `plain.write` makes it.
        folder: Where the files go; it is made.

    Raises:
        NotConvertible: TensorFlow.js lacks an operation, or a type, that the model needs.
    """
    from google.protobuf.json_format import MessageToDict
    from tensorflow import __version__

    graph, signature = _frozen(saved)
    missing = sorted({node.op for node in _nodes(graph)} - OPS)
    if missing:
        raise NotConvertible(f"TensorFlow.js has no operation {', '.join(missing[:5])}")
    folder.mkdir(parents=True)
    entries, content = [], bytearray()
    for node in _nodes(graph):
        if node.op == "Const":
            entry, data = _weight(node)
            entries.append(entry)
            content += data
    names = _write_shards(bytes(content), folder)
    described = {
        "format": "graph-model",
        "generatedBy": __version__,
        "convertedBy": "Estafet",
        "signature": signature,
        "modelTopology": MessageToDict(graph),
        "weightsManifest": [{"paths": names, "weights": entries}],
    }
    (folder / MODEL_FILE).write_text(json.dumps(described), encoding="utf-8")


def predict(folder: Path, examples: Mapping[str, np.ndarray]) -> np.ndarray:
    """Answer examples from the files as they were written, by TensorFlow in the place of TensorFlow.js.

    It proves that graph and weights came through whole. How a browser's own arithmetic rounds it does not prove.
    """
    import tensorflow as tf
    from google.protobuf.json_format import ParseDict

    model = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    manifest = model["weightsManifest"][0]
    content = b"".join((folder / name).read_bytes() for name in manifest["paths"])
    graph, start = ParseDict(model["modelTopology"], tf.compat.v1.GraphDef()), 0
    constants = {node.name: node for node in _nodes(graph) if node.op == "Const"}
    for entry in manifest["weights"]:
        count = int(np.prod(entry["shape"], dtype=np.int64))
        values = np.frombuffer(content, np.dtype(entry["dtype"]), count, start).reshape(entry["shape"])
        start += values.nbytes
        wanted = tf.as_dtype(constants[entry["name"]].attr["dtype"].type)
        tensor = tf.make_tensor_proto(values, wanted, entry["shape"])
        constants[entry["name"]].attr["value"].tensor.CopyFrom(tensor)
    inputs, outputs = (
        {name: part["name"] for name, part in model["signature"][key].items()} for key in ("inputs", "outputs")
    )
    with tf.Graph().as_default() as whole, tf.compat.v1.Session(graph=whole) as session:
        tf.import_graph_def(graph, name="")
        return session.run(next(iter(outputs.values())), {inputs[name]: examples[name] for name in inputs})


def _frozen(saved: Path) -> tuple[tf.compat.v1.GraphDef, dict[str, dict[str, object]]]:
    """Return the graph of a SavedModel with its weights as constants, and its signature as TensorFlow.js writes it."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(saved))
    function = loaded.signatures[plain.SIGNATURE]
    if any(tensor.dtype == tf.string for tensor in function.inputs):
        raise NotConvertible("it takes words, for which the format has no table here; give it columns of numbers")
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=True)
    names = list(function.structured_input_signature[1])
    by_name = {tensor.name.split(":")[0]: tensor for tensor in frozen.inputs}
    inputs = {name: by_name[name] for name in names}
    outputs = dict(zip(function.structured_outputs, frozen.outputs, strict=True))
    described = {
        key: {name: _tensor(tensor) for name, tensor in of.items()}
        for key, of in (("inputs", inputs), ("outputs", outputs))
    }
    return frozen.graph.as_graph_def(), described


def _tensor(tensor: tf.Tensor) -> dict[str, object]:
    size = [{"size": str(-1 if length is None else length)} for length in tensor.shape.as_list()]
    return {"name": tensor.name, "dtype": f"DT_{_of_js(tensor.dtype.as_numpy_dtype)}", "tensorShape": {"dim": size}}


def _of_js(dtype: type) -> str:
    name = np.dtype(dtype).name
    return {"float32": "FLOAT", "int32": "INT32", "bool": "BOOL"}[DTYPES.get(name, name)]


def _nodes(graph: tf.compat.v1.GraphDef) -> Iterator[tf.compat.v1.NodeDef]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _weight(node: tf.compat.v1.NodeDef) -> tuple[dict[str, object], bytes]:
    """Take the value out of a constant: what the manifest says of it, and its bytes, little-endian."""
    import tensorflow as tf

    values = tf.make_ndarray(node.attr["value"].tensor)
    name = DTYPES.get(values.dtype.name, values.dtype.name)
    if name not in KEPT:
        raise NotConvertible(f"TensorFlow.js has no numbers of type {values.dtype.name}")
    for field in VALUE_FIELDS:
        node.attr["value"].tensor.ClearField(field)
    return {"name": node.name, "shape": list(values.shape), "dtype": name}, _narrowed(values, name).tobytes()


def _narrowed(values: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers beyond 32 bits are bounds ("up to the end"), for which the largest one of 32 bits stands as well."""
    if dtype == "int32":
        limits = np.iinfo(np.int32)
        values = np.clip(values, limits.min, limits.max) if values.dtype.itemsize > 4 else values
    return values.astype(dtype)


def _write_shards(content: bytes, folder: Path) -> list[str]:
    num_shards = max(1, -(-len(content) // SHARD_BYTES))
    names = [f"group1-shard{number + 1}of{num_shards}.bin" for number in range(num_shards)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(content[number * SHARD_BYTES : (number + 1) * SHARD_BYTES])
    return names
