"""Claim: single rows are answered 3 times as often as by KServe's and MLflow's servers, and 4 times as by plain calls.

A small dense Keras model, 64 clients with one row each, each client's row another one, on one machine and in turns:

- our server, over REST and over gRPC;
- our server, but each request is one call of the exported signature, without session callables and batches;
- KServe's Python server, with a model class that calls the signature, as its documentation has it;
- `mlflow models serve`, with MLflow's own flavour for Keras, and with a function that calls the signature. Of the two
  the better one counts.

Each server is one process with its default settings. KServe's package goes into an environment of its own, in
`$XDG_CACHE_HOME/estafet`, because its requirements and ours do not always resolve together: the first run downloads
some 600 MB with pip, and fails where it cannot. Clients are connections of one process, which takes 20 µs a request, a
fifth of what our own server does.

What is compared are medians over the rounds, of answers a second and of the 99th percentile of the latency.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from pathlib import Path

from claim import conclude, parse
from serve import mlflow_models, models, servers
from serve.closed_loop import Load, Measured, measure

NUM_CLIENTS = 64
OTHERS = ("KServe", "MLflow, its flavour for Keras", "MLflow, calling the signature")
OURS, GRPC, PLAIN = "ours, REST", "ours, gRPC", "ours, one signature call each"
MIN_OTHERS, MIN_PLAIN, MAX_BETWEEN = 3.0, 4.0, 2.5


def main() -> None:
    """Start all servers, load them in turns, and compare."""
    quick = parse(__doc__ or "").quick
    rounds, seconds = (2, 1.0) if quick else (7, 3.0)
    with tempfile.TemporaryDirectory(prefix="estafet-serve-") as name, contextlib.ExitStack() as stack:
        loads = start(Path(name), stack, seconds)
        found: dict[str, list[Measured]] = {side: [] for side in loads}
        for number in range(rounds + 1):
            for side, load in list(loads.items())[:: 1 if number % 2 else -1]:
                measured = measure(load)
                if measured.num_failed:
                    raise SystemExit(f"{side}: {measured.num_failed} requests failed: {measured.failures[0]}")
                if number:  # the first round warms up
                    found[side].append(measured)
    judge(found)


def start(folder: Path, stack: contextlib.ExitStack, seconds: float) -> dict[str, Load]:
    """Make the model, start the servers, and return what each is sent."""
    model = models.dense_model()
    saved = models.export(model, folder / "models" / models.NAME / "1")
    rows = [models.rows(1, seed) for seed in range(NUM_CLIENTS)]
    bodies, messages = [models.rest_body(row) for row in rows], [models.grpc_message(row) for row in rows]
    keras = mlflow_models.save_keras(model, folder / "mlflow-keras", rows[0])
    function = mlflow_models.save_function(saved, folder / "mlflow-function")
    ours = stack.enter_context(servers.ours(folder / "models", models.NAME, folder))
    plain = stack.enter_context(servers.ours(folder / "models", models.NAME, folder, one_call_each=True))
    others = [stack.enter_context(servers.kserve(saved, models.NAME, folder))]
    others += [stack.enter_context(servers.mlflow(kept, folder)) for kept in (keras, function)]
    paths = [f"/v1/models/{models.NAME}:predict", "/invocations", "/invocations"]
    loads = {
        OURS: Load.of("rest", ours.rest, paths[0], bodies, seconds=seconds),
        GRPC: Load.of("grpc", ours.grpc, models.PREDICT, messages, seconds=seconds),
        PLAIN: Load.of("rest", plain.rest, paths[0], bodies, seconds=seconds),
    }
    for side, server, path in zip(OTHERS, others, paths, strict=True):
        loads[side] = Load.of("rest", server.rest, path, bodies, seconds=seconds)
    return loads


def judge(found: dict[str, list[Measured]]) -> None:
    """Print the medians, compare with the goals, and end."""
    rates = {side: statistics.median(one.per_s for one in measured) for side, measured in found.items()}
    p99_ms = {side: statistics.median(one.p99_ms for one in measured) for side, measured in found.items()}
    for side, measured in found.items():
        p50, cpu = (statistics.median(getattr(one, what) for one in measured) for what in ("p50_ms", "client_cpu_us"))
        print(
            f"{side:32} {rates[side]:7.0f} answers/s ({rates[OURS] / rates[side]:.1f})   "
            f"p50 {p50:.1f} ms, p99 {p99_ms[side]:.1f} ms; {cpu:.0f} µs of the load's own a request"
        )
    best = {"KServe": OTHERS[0], "MLflow": max(OTHERS[1:], key=rates.get)}
    value = {f"times {name}": round(rates[OURS] / rates[side], 2) for name, side in best.items()}
    value |= {"times one signature call each": round(rates[OURS] / rates[PLAIN], 2)}
    value |= {"REST times gRPC": round(rates[OURS] / rates[GRPC], 2)}
    value |= {f"p99 ms, {name}": round(p99_ms[side], 1) for name, side in (("ours", OURS), *best.items())}
    value |= {f"answers/s, {side}": round(rate) for side, rate in rates.items()}
    holds = (
        all(value[f"times {name}"] >= MIN_OTHERS and p99_ms[OURS] < p99_ms[side] for name, side in best.items())
        and value["times one signature call each"] >= MIN_PLAIN
        and 1 / MAX_BETWEEN <= value["REST times gRPC"] <= MAX_BETWEEN
    )
    goal = {
        "times KServe": f"≥ {MIN_OTHERS:g}, at a lower p99",
        "times MLflow": f"≥ {MIN_OTHERS:g}, at a lower p99",
        "times one signature call each": f"≥ {MIN_PLAIN:g}",
        "REST times gRPC": f"{1 / MAX_BETWEEN:g} to {MAX_BETWEEN:g}",
    }
    conclude("single rows: 3 times KServe's and MLflow's servers, 4 times plain signature calls", value, goal, holds)


if __name__ == "__main__":
    main()
