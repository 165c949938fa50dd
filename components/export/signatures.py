"""The signatures of a served model: raw columns, image files or series in, named answers out.

`serving_default` takes one tensor for each raw input. The others take serialised `tf.train.Example`s, in whose
features the raw inputs have the same names: `serving_examples` answers as `serving_default` does, and `classify` or
`regress`, by the task, answer TensorFlow Serving's Classify and Regress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from components.export import examples
from estafet.records import calendar
from estafet.records.reading import decode_image
from estafet.release import IMAGE_INPUT, SAVED_MODEL_FILE, SERIES_INPUT, SIGNATURE, TIME_INPUT, Contract
from estafet.runfile.tasks import Task

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Tensors = Mapping[str, "tf.Tensor"]


def write_saved_model(model: keras.Model, contract: Contract, folder: str | Path) -> None:
    """Write a SavedModel whose signatures take and give what the contract says.

    Args:
        model: A Keras model whose inputs are a dict, as `estafet.training.models` builds them.
        contract: What is taken and given.
        folder: Where the SavedModel goes; it must be empty or not there.
    """
    import keras
    import tensorflow as tf

    placeholders = {spec.name: f"input_{i}" for i, spec in enumerate(contract.inputs())}
    specs = {
        placeholders[spec.name]: tf.TensorSpec((None, *spec.shape), spec.dtype, name=placeholders[spec.name])
        for spec in contract.inputs()
    }
    answer = tf.function(serving_function(model, contract))  # so that all signatures share its traces

    def serve(tensors: Tensors) -> dict[str, tf.Tensor]:
        return answer({name: tensors[placeholder] for name, placeholder in placeholders.items()})

    archive = keras.export.ExportArchive()
    archive.track(model)
    for again in ("variables", "trainable_variables", "non_trainable_variables"):
        setattr(archive._tf_trackable, again, [])  # Keras 3.15 would save each weight twice: the endpoint brings them
    archive.add_endpoint(SIGNATURE, serve, [specs])
    for name, endpoint in examples.endpoints(answer, contract).items():
        archive.add_endpoint(name, endpoint.function, [endpoint.spec])
    archive.write_out(str(folder), verbose=False)
    _finish(Path(folder), {placeholder: name for name, placeholder in placeholders.items()})


def serving_function(model: keras.Model, contract: Contract) -> Callable[[Tensors], dict[str, tf.Tensor]]:
    """Return a function from raw inputs to named answers, by the names of the contract."""
    import tensorflow as tf

    def serve(raw: Tensors) -> dict[str, tf.Tensor]:
        output = model(_features(raw, contract), training=False)  # augmentation would run in training mode otherwise
        if contract.task.is_classification:
            classes = tf.constant(contract.data_schema.label.classes)
            return {
                "probabilities": output,
                "class": tf.gather(classes, tf.argmax(output, axis=1)),
                "confidence": tf.reduce_max(output, axis=1),
            }
        return {contract.main_output(): output if contract.task == Task.FORECASTING else tf.reshape(output, (-1,))}

    return serve


def _features(raw: Tensors, contract: Contract) -> dict[str, tf.Tensor]:
    import tensorflow as tf

    if contract.task == Task.IMAGE_CLASSIFICATION:
        shape = contract.image_shape
        images_NHWC = tf.map_fn(
            lambda content: decode_image(content, shape),
            raw[IMAGE_INPUT],
            fn_output_signature=tf.TensorSpec(shape, tf.uint8),
        )
        return {"image": images_NHWC}
    schema, features = contract.data_schema, {}
    if contract.task == Task.FORECASTING:
        values_NLC = raw[SERIES_INPUT]
        if schema.calendar:
            values_NLC = tf.concat([values_NLC, calendar.features(raw[TIME_INPUT], schema.calendar)], axis=-1)
        return {"values": values_NLC}
    if schema.numeric:
        features["numeric"] = tf.stack([raw[feature.name] for feature in schema.numeric], axis=1)
    for key, of_kind in (("categorical", schema.categorical), ("text", schema.text)):
        if of_kind:
            features[key] = tf.stack([raw[feature.name] for feature in of_kind], axis=1)
    return features


def _finish(folder: Path, names: Mapping[str, str]) -> None:
    """Give inputs their real names, which TensorFlow refuses to write where they hold a space, and methods theirs."""
    from tensorflow.core.protobuf import saved_model_pb2

    path, saved = folder / SAVED_MODEL_FILE, saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    for graph in saved.meta_graphs:
        inputs = graph.signature_def[SIGNATURE].inputs
        renamed = {names[name]: inputs[name].SerializeToString() for name in inputs}
        inputs.clear()
        for name, info in renamed.items():
            inputs[name].ParseFromString(info)
        for node in graph.object_graph_def.nodes:
            if node.WhichOneof("kind") == "bare_concrete_function":
                keywords = node.bare_concrete_function.argument_keywords
                keywords[:] = [names.get(name, name) for name in keywords]
        for signature, method in examples.METHODS.items():
            if signature in graph.signature_def:
                graph.signature_def[signature].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # a checksum of the file as it was; loaders do without
