"""Claim: for a batch of 1,024 rows by gRPC our server adds at most 30 % to the bare call of the SavedModel.

A dense Keras model (20 numbers, two hidden layers of 512, 10 classes: 280,000 weights), one client that sends a batch
as soon as it has the answer. The other side, in turns with it: the signature of the same SavedModel, called in this
process with the same rows. The client hands bytes to gRPC and takes bytes; what it does with them is not the server's.

The small model of `serve_throughput` is shown too, and does not decide: its bare call takes half a millisecond, as long
as 80 kB take there and 40 kB back.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from claim import conclude, parse
from serve import models, servers

NUM_ROWS = 1024
MAX_ADDED = 0.30
SIZES = {"small": {"units": 32}, "large": {"units": 512, "num_layers": 2}}


def main() -> None:
    """Measure both models both ways."""
    quick = parse(__doc__ or "").quick
    times = 60 if quick else 400
    found = {}
    with tempfile.TemporaryDirectory(prefix="estafet-serve-") as name:
        for size, layers in SIZES.items():
            saved = models.export(models.dense_model(**layers), Path(name) / size / models.NAME / "1")
            with servers.ours(Path(name) / size, models.NAME, Path(name)) as server:
                found[size] = medians_ms(saved, server, times)
            bare, served, sizes = found[size]
            print(f"{size:6} bare call {bare:.2f} ms, by gRPC {served:.2f} ms: {served / bare - 1:+.0%} ({sizes})")
    (bare, served, _), (small_bare, small_served, _) = found["large"], found["small"]
    value = {
        "added": round(served / bare - 1, 3),
        "bare call ms": round(bare, 2),
        "by gRPC ms": round(served, 2),
        "small model: bare call ms": round(small_bare, 2),
        "small model: by gRPC ms": round(small_served, 2),
    }
    goal = {"added": f"≤ {MAX_ADDED}"}
    conclude("a batch of 1,024 rows by gRPC takes at most 30 % longer", value, goal, value["added"] <= MAX_ADDED)


def medians_ms(saved: Path, server: servers.Server, times: int) -> tuple[float, float, str]:
    """Return the median of the bare call and of the served one, and the answer's size."""
    import grpc
    import tensorflow as tf

    rows_NF = models.rows(NUM_ROWS)
    loaded = tf.saved_model.load(str(saved))
    signature, message = loaded.signatures["serving_default"], models.grpc_message(rows_NF)
    sizes = [(f"grpc.max_{way}_message_length", -1) for way in ("receive", "send")]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc}", options=sizes) as channel:
        call = channel.unary_unary(models.PREDICT)
        answer = call(message)
        ways = {
            "bare": lambda: signature(features=tf.constant(rows_NF))[models.OUTPUT].numpy(),
            "served": lambda: call(message),
        }
        spent = {way: [] for way in ways}
        for number in range(times):
            for way in list(ways)[:: 1 if number % 2 else -1]:
                spent[way].append(milliseconds(ways[way]))
    medians = [statistics.median(values[len(values) // 10 :]) for values in spent.values()]
    return medians[0], medians[1], f"{len(message)} bytes there, {len(answer)} back"


def milliseconds(way: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    way()
    return 1e3 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
