"""One loaded SavedModel: its signatures, a session, and the queues in front of it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from serving.server.engine.batching.adaptive import Adaptive
from serving.server.engine.batching.rowwise import mergeable_tensors, steady_tensors
from serving.server.engine.batching.upstream import ModelBatching
from serving.server.engine.session import Runner
from serving.server.models.whole import OLD_GRAPH, no_model
from serving.server.signature import DEFAULT, Signature, TensorSpec, dtype_name
from serving.server.status import Code, StatusError, invalid

INIT_OP = "__saved_model_init_op"
LARGE_GRAPH_BYTES = 2**26


class SavedModel:
    """A model in memory.

    Attributes:
        signatures: The ways to call it, by name.
        signature_def: All that the graph says of its signatures, as `SignatureDef` messages by name.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        tags: Sequence[str] = ("serve",),
        session_config: Any = None,
        batching: ModelBatching | None = None,
    ):
        """Load a version's folder.

        Args:
            folder: The SavedModel.
            tags: The tags of the graph to take.
            session_config: A `ConfigProto` for the session.
            batching: How requests are run together, by TensorFlow Serving's rules; by our own where it is not given.

        Raises:
            StatusError: It cannot be loaded.
        """
        folder = Path(folder)
        if (folder / OLD_GRAPH).exists():
            raise StatusError(Code.UNIMPLEMENTED, "Session Bundle is deprecated and removed.")
        if not (folder / "saved_model.pb").exists() and not (folder / "saved_model.pbtxt").exists():
            raise no_model(folder)
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=session_config)
        try:
            with graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(folder))
        except Exception as error:
            self._session.close()
            raise _load_error(error, tags) from error
        self.signature_def = {name: meta_graph.signature_def[name] for name in sorted(meta_graph.signature_def)}
        self.signatures = {
            name: _signature(definition) for name, definition in self.signature_def.items() if name != INIT_OP
        }
        self._dtypes = {
            spec.tensor: spec.dtype for signature in self.signatures.values() for spec in signature.inputs.values()
        }
        self._is_large = meta_graph.graph_def.ByteSize() > LARGE_GRAPH_BYTES
        self._runners: dict[tuple[tuple[str, ...], tuple[str, ...]], Runner] = {}
        self._lock = threading.Lock()
        self._queues = batching.queues(self._runner) if batching is not None else self._adaptive(meta_graph.graph_def)

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, timeout_ms: int | None = None
    ) -> list[np.ndarray]:
        """Feed tensors of the graph by name and fetch others; shapes are the graph's own concern.

        Raises:
            StatusError: A type is wrong, the graph failed, or it took too long.
        """
        self._check_types(feeds)
        return self._runner(tuple(feeds), tuple(fetches))(list(feeds.values()), timeout_ms)

    def submit(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], *, deadline: float | None = None
    ) -> Future[list[np.ndarray]]:
        """Do as `run` in a thread of the model; what is wrong with the request itself is raised at once."""
        self._check_types(feeds)
        return self._queues.submit(feeds, tuple(fetches), deadline)

    def prepare(self) -> None:
        """Make ready what calls of the default signature need, so that the first ones are not slow."""
        signature = self.signatures.get(DEFAULT)
        if signature is not None:
            feeds = tuple(spec.tensor for spec in signature.inputs.values())
            self._runner(feeds, tuple(spec.tensor for spec in signature.outputs.values())).prepare()

    def close(self) -> None:
        """Free the model's memory and end its threads; no call may be running."""
        self._queues.close()
        for runner in self._runners.values():
            runner.close()
        self._runners.clear()
        self._session.close()
        del self._session
        gc.collect()

    def _adaptive(self, graph_def: Any) -> Adaptive:
        specs = {
            spec.tensor: spec
            for signature in self.signatures.values()
            for spec in (*signature.inputs.values(), *signature.outputs.values())
        }
        outputs = {spec.tensor for signature in self.signatures.values() for spec in signature.outputs.values()}
        inputs = set(self._dtypes)
        free = {tensor for tensor, spec in specs.items() if spec.shape and spec.shape[0] is None}
        mergeable = (inputs & free) | (mergeable_tensors(graph_def, outputs, inputs) & free)
        sized = {tensor for tensor in inputs & free if None not in specs[tensor].shape[1:]}
        return Adaptive(self._runner, mergeable, steady=sized | steady_tensors(graph_def, outputs, inputs))

    def _runner(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> Runner:
        runner = self._runners.get((feeds, fetches))
        if runner is None:
            with self._lock:
                runner = self._runners.setdefault(
                    (feeds, fetches), Runner(self._session, feeds, fetches, is_large=self._is_large)
                )
        return runner

    def _check_types(self, feeds: Mapping[str, np.ndarray]) -> None:
        for index, (tensor, array) in enumerate(feeds.items()):
            wanted, given = self._dtypes.get(tensor), dtype_name(array)
            if wanted is not None and given != wanted:
                raise invalid(f"Expects arg[{index}] to be {wanted} but {given} is provided")


def _signature(definition: Any) -> Signature:
    return Signature(
        _specs(definition.inputs),
        _specs(definition.outputs),
        definition.method_name,
        {name: _default(proto) for name, proto in definition.defaults.items()},
    )


def _default(proto: Any) -> np.ndarray:
    return np.asarray(tf.make_ndarray(proto))


def _specs(infos: Any) -> dict[str, TensorSpec]:
    specs = {}
    for alias in sorted(infos):
        info = infos[alias]
        free = info.tensor_shape.unknown_rank
        shape = None if free else tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        specs[alias] = TensorSpec(info.name, _type_name(info.dtype), shape)
    return specs


def _type_name(number: int) -> str:
    """Return the type's name as the runtime's messages have it: `float`, where Python says `float32`."""
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()


def _load_error(error: Exception, tags: Sequence[str]) -> StatusError:
    if isinstance(error, tf.errors.OpError):
        return StatusError(Code(error.error_code), error.message)
    if isinstance(error, RuntimeError) and "could not be found in SavedModel" in str(error):
        return StatusError(
            Code.NOT_FOUND,
            f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. To inspect available "
            "tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`",
        )
    if isinstance(error, OSError) and "Cannot parse file" in str(error):
        return StatusError(Code.DATA_LOSS, str(error))
    return StatusError(Code.UNKNOWN, f"{type(error).__name__}: {error}")
