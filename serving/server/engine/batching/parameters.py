"""TensorFlow Serving's batching parameters, from their text form."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.server.models.config import read_text_proto
from serving.server.protos import batching_parameters
from serving.server.status import invalid

PER_MODEL_FILE = "batching_params.pbtxt"
THREAD_POOL = "model_server_batch_threads"


@dataclass(frozen=True)
class Parameters:
    """How requests are put together.

    Attributes:
        max_batch_size: Rows of the largest request, and of the largest batch unless `max_execution_batch_size` is set.
        timeout_s: How long the first request of a batch waits for others.
        max_enqueued_batches: Waiting batches of a queue beyond which requests are refused.
        num_threads: Batches that are run at a time, over all models.
        thread_pool_name: Name of these threads.
        allowed_batch_sizes: Sizes that a batch is filled up to, increasing; any where empty.
        pads: Whether inputs of different lengths are padded, rather than run apart.
        splits: Whether a request that is larger than a batch is taken apart.
        max_execution_batch_size: Rows of the largest batch.
    """

    max_batch_size: int = 1000
    timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    num_threads: int = os.cpu_count() or 1
    thread_pool_name: str = THREAD_POOL
    allowed_batch_sizes: Sequence[int] = ()
    pads: bool = False
    splits: bool = False
    max_execution_batch_size: int = 1000

    @classmethod
    def read(cls, path: str | Path) -> Parameters:
        """Read a text file.

        Raises:
            StatusError: It does not parse, or its values do not fit together.
        """
        return cls.of(read_text_proto(path, batching_parameters()()))

    @classmethod
    def of(cls, proto: Any) -> Parameters:
        """Take a `BatchingParameters` message.

        Raises:
            StatusError: Its values do not fit together.
        """

        def given(name: str, otherwise: Any) -> Any:
            return getattr(proto, name).value if proto.HasField(name) else otherwise

        max_batch_size = given("max_batch_size", cls.max_batch_size)
        splits = given("enable_large_batch_splitting", False)
        parameters = cls(
            max_batch_size=max_batch_size,
            timeout_s=given("batch_timeout_micros", 0) / 1e6,
            max_enqueued_batches=given("max_enqueued_batches", cls.max_enqueued_batches),
            num_threads=given("num_batch_threads", cls.num_threads),
            thread_pool_name=given("thread_pool_name", "batch_threads"),
            allowed_batch_sizes=tuple(proto.allowed_batch_sizes),
            pads=proto.pad_variable_length_inputs,
            splits=splits,
            max_execution_batch_size=given("max_execution_batch_size", max_batch_size) if splits else max_batch_size,
        )
        parameters.check()
        return parameters

    def check(self) -> None:
        """Raise StatusError where the values do not fit together."""
        for name, value, least in (
            ("max_batch_size", self.max_batch_size, 1),
            ("batch_timeout_micros", self.timeout_s, 0),
            ("max_enqueued_batches", self.max_enqueued_batches, 0),
            ("num_batch_threads", self.num_threads, 1),
            ("max_execution_batch_size", self.max_execution_batch_size, 1),
        ):
            if value < least:
                kind = "positive" if least else "non-negative"
                raise invalid(f"{name} must be {kind}; was {value}")
        if self.max_execution_batch_size > self.max_batch_size:
            raise invalid(
                "max_execution_batch_size should be less than or equal to max_batch_size; "
                f"was {self.max_execution_batch_size} and {self.max_batch_size}"
            )
        self._check_allowed()

    def _check_allowed(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if any(later <= earlier for earlier, later in itertools.pairwise(sizes)) or sizes[0] < 1:
            raise invalid("allowed_batch_sizes entries must be positive and increase monotonically")
        name = "max_execution_batch_size" if self.splits else "max_batch_size"
        if sizes[-1] != self.max_execution_batch_size:
            raise invalid(
                f"Last entry in allowed_batch_sizes must match {name}; last entry was {sizes[-1]}; expected "
                f"{self.max_execution_batch_size}"
            )
