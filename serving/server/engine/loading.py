"""Brings versions into memory as a server's options have it: the session, the batching, and the warm-up."""

from __future__ import annotations

import gc
import logging
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.server.options import Options
from serving.server.quiet import quietly
from serving.server.watching.engine import warmed_up

if TYPE_CHECKING:
    from serving.server.engine.batching.upstream import Batching
    from serving.server.models import Loaded

logger = logging.getLogger("estafet.serving")


class Loader:
    """Loads versions; the threads that `--enable_batching` needs live as long as this."""

    def __init__(self, options: Options):
        """Read the files that the options name.

        Raises:
            StatusError: One of them cannot be read or is wrong.
        """
        self._options = options
        self._config = _session_config(options)
        self._batching = _batching(options)

    def __call__(self, folder: Path) -> Loaded:
        """Load a version and warm it up.

        Raises:
            StatusError: It cannot be loaded, or a request of its warm-up fails.
        """
        with quietly():
            from serving.server.engine.savedmodel import SavedModel

        _spare_the_collector()
        started = time.perf_counter()
        batching = self._batching.of(folder) if self._batching is not None else None
        model = SavedModel(folder, tags=self._options.tags, session_config=self._config, batching=batching)
        try:
            self._prepare(model, folder)
        except BaseException:
            model.close()
            raise
        logger.info("%s was loaded in %.2f s", folder, time.perf_counter() - started)
        return model

    def close(self) -> None:
        """End the threads, once no version is left."""
        if self._batching is not None:
            self._batching.close()

    def _prepare(self, model: Any, folder: Path) -> None:
        if self._options.warm_up:
            from serving.server.engine.warmup import warm_up

            started = time.perf_counter()
            num_records = warm_up(model, folder, num_iterations=self._options.warm_up_iterations)
            if num_records:
                warmed_up(str(folder), "OK", time.perf_counter() - started, num_records)
                logger.info("%s was warmed up with %d requests", folder, num_records)
        model.prepare()


@cache
def _spare_the_collector() -> None:
    """Keep it from looking at TensorFlow's half a million objects again and again while requests wait.

    What is loaded later it still looks at, so that the graph of a version that goes is freed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _batching(options: Options) -> Batching | None:
    if not options.enable_batching:
        return None
    from serving.server.engine.batching.parameters import Parameters
    from serving.server.engine.batching.upstream import Batching

    parameters = Parameters() if options.batching_file is None else Parameters.read(options.batching_file)
    return Batching(parameters, per_model=options.per_model_batching)


def _session_config(options: Options) -> Any:
    """Return the `ConfigProto` for sessions, or None for TensorFlow's own defaults."""
    inter_op = options.inter_op_threads or options.session_threads
    intra_op = options.intra_op_threads or options.session_threads
    if options.session_config_file is None and not inter_op and not intra_op:
        return None
    with quietly():
        from tensorflow.core.protobuf.config_pb2 import ConfigProto

    config = ConfigProto()
    if options.session_config_file is not None:
        from serving.server.models.config import read_text_proto

        read_text_proto(options.session_config_file, config)
    config.inter_op_parallelism_threads = inter_op or config.inter_op_parallelism_threads
    config.intra_op_parallelism_threads = intra_op or config.intra_op_parallelism_threads
    return config
