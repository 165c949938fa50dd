"""The `Input` of Classify, Regress and MultiInference: serialized examples, with what they share put before each."""

from __future__ import annotations

from typing import Any

import numpy as np

from serving.server.status import invalid


def serialized_examples(given: Any) -> np.ndarray:
    """Return the examples of an `Input` message.

    The context is prepended as bytes: protobuf merges what is concatenated, so an example's own feature wins over the
    context's feature of the same name.

    Returns:
        Serialized tf.train.Examples as bytes objects, shape [N].

    Raises:
        StatusError: There is no example.
    """
    kind = given.WhichOneof("kind")
    if kind == "example_list":
        examples, context = given.example_list.examples, b""
    elif kind == "example_list_with_context":
        examples = given.example_list_with_context.examples
        context = given.example_list_with_context.context.SerializeToString()
    else:
        examples, context = (), b""
    if not examples:
        raise invalid("Input is empty.")
    values = np.empty(len(examples), dtype=object)
    values[:] = [context + example.SerializeToString() for example in examples]
    return values


def shape_text(array: np.ndarray) -> str:
    """Return a shape as TensorFlow's messages have it: `[2,3]`."""
    return f"[{','.join(map(str, array.shape))}]"


def type_text(array: np.ndarray) -> str:
    """Return a type as protobuf names it: `DT_FLOAT`."""
    from serving.server.signature import dtype_name

    return f"DT_{dtype_name(array).upper()}"
