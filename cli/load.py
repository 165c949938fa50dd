"""`estafet load`: measures a running model server under load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.asking.options import Target, is_run_file, server_options, target
from estafet.errors import ConfigError, GateRefused, ServiceUnavailable

if TYPE_CHECKING:
    from serving.client import Client
    from serving.client.asked import Packed
    from serving.load.plan import Plan
    from serving.load.result import Result

MAX_PREPARED = 64
CLOSED_CLIENTS, OPEN_CLIENTS = 16, 256
_SECONDS = click.FloatRange(0, min_open=True)


@click.command()
@click.argument("run_file", required=False, metavar="[RUN.yaml]")
@server_options
@click.option("--clients", type=click.IntRange(1, 4096), help="Requests at a time, at most; 16, with --rate 256.")
@click.option("--rate", type=_SECONDS, help="Requests a second at random times; without it clients ask without pause.")
@click.option("--rows", type=click.IntRange(1), default=1, show_default=True, help="Rows a request.")
@click.option("--duration-s", type=_SECONDS, default=10.0, show_default=True, help="Seconds that are measured.")
@click.option(
    "--warm-up-s", type=click.FloatRange(0), default=2.0, show_default=True, help="Seconds before, which are not."
)
@click.option(
    "--timeout-s", type=_SECONDS, default=10.0, show_default=True, help="Seconds after which a request failed."
)
@click.option("--examples", metavar="FILE", help="Rows to send; those of the model's smoke test without it.")
@click.option("--seed", type=int, default=7, show_default=True, help="What the random times come from.")
@click.option("--max-p99-ms", type=_SECONDS, help="End with status 5 where the 99th percentile is above.")
@click.option(
    "--max-error-rate", type=click.FloatRange(0, 1), help="End with status 5 where more requests fail, 0 to 1."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for load.json and load.png.")
def load(run_file: str | None, **options: Any) -> None:
    """Measure a running model server: requests a second, failures by kind, and percentiles of the latency.

    With --rate, latency counts from when a request was due, so that waiting behind slow answers is not left out.
    Without it, so many clients ask again as soon as they are answered: that finds the highest throughput, not what
    users feel.

    \b
        estafet load run.yaml --clients 64
        estafet load run.yaml --url grpc://localhost:8500 --rate 500 --max-p99-ms 20 --max-error-rate 0
    """
    if run_file is not None and not is_run_file(run_file):
        raise ConfigError(f"'{run_file}' is no run file.", hint=f"give rows with --examples {run_file}.")
    from serving.load.measuring import measure
    from serving.load.plan import Plan
    from serving.load.result import summarise

    found = target(run_file, options)
    keys = ("rate", "duration_s", "warm_up_s", "timeout_s", "seed")
    num_clients = options["clients"] or (CLOSED_CLIENTS if options["rate"] is None else OPEN_CLIENTS)
    plan = Plan(num_clients=num_clients, **{key: options[key] for key in keys})
    with found.client(timeout_s=plan.timeout_s, retries=0) as client:
        prepared = _prepared(client, found, options)
        client.predict_prepared(prepared[0])  # a server that refuses the rows is told apart from one that fails
        click.echo(f"{found.url}, {found.model}: {_described(plan, options['rows'])}")
        measured = measure(lambda number, s: client.send(prepared[number % len(prepared)], within_s=s), plan)
    result = summarise(measured)
    folder = options["out"] or _folder(found)
    _write(measured, result, found, options, folder)
    _show(result, folder)
    _judge(result, options["max_p99_ms"], options["max_error_rate"])


def _prepared(client: Client, found: Target, options: dict[str, Any]) -> list[Packed]:
    """Return requests of so many rows each, which together send every example if that takes no more than 64."""
    signature, size = options["signature"], options["rows"]
    examples = _examples(client, found, options)
    num = min(MAX_PREPARED, max(1, -(-len(examples) // size)))
    picked = [[examples[(k * size + row) % len(examples)] for row in range(size)] for k in range(num)]
    return [client.prepare(rows, signature=signature) for rows in picked]


def _examples(client: Client, found: Target, options: dict[str, Any]) -> Sequence[dict[str, Any]]:
    if options["examples"]:
        from cli.asking.reading import read_rows

        signature = client.metadata().signature(options["signature"])
        return read_rows([options["examples"]], signature, **found.csv)[list(signature.inputs)].to_dict("records")
    from estafet.release import Smoke
    from estafet.versions import newest_version

    is_here = found.loaded is not None and "://" not in found.loaded.models_address
    newest = newest_version(found.loaded.models_dir / found.model) if is_here else None
    if newest is None:
        raise ConfigError(
            f"nothing says which rows '{found.model}' could be sent.",
            hint="give them with --examples rows.csv, or give the run file whose models carry smoke tests.",
        )
    return Smoke.load(newest[1]).instances


def _described(plan: Plan, num_rows: int) -> str:
    how = f"{plan.num_clients} clients without pause" if plan.rate is None else f"{plan.rate:g} requests a second"
    rows = "1 row" if num_rows == 1 else f"{num_rows} rows"
    return f"{how}, {rows} each, {plan.duration_s:g} s after {plan.warm_up_s:g} s of warm-up"


def _folder(found: Target) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    return found.loaded.workspace / "load" / stamp if found.loaded else Path(f"load-{stamp}")


def _write(measured: Any, result: Result, found: Target, options: dict[str, Any], folder: Path) -> None:
    from dataclasses import asdict

    from estafet.files import write_json
    from serving.load.plot import plot

    about = {"url": found.url, "model": found.model, "rows": options["rows"], "plan": asdict(measured.plan)}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "load.json", {**about, "result": result.as_json()})
    title = f"{found.model}: {_described(measured.plan, options['rows'])} · {result.requests_per_s:,.0f} answers/s"
    plot(measured, result, title, folder / "load.png")


def _show(result: Result, folder: Path) -> None:
    click.echo(f"{result.requests_per_s:,.1f} requests/s answered, {result.num_requests:,} sent")
    for kind, number in result.failures.items():
        click.echo(f"  failed, {kind}: {number:,}")
    shown = (f"{name} {value:.3g}" for name, value in result.latencies_ms.items() if name != "mean")
    click.echo(f"latency in ms: {'   '.join(shown) or 'no request was answered'}")
    for text in result.warnings():
        click.echo(f"note: {text}")
    click.echo(f"results: {folder / 'load.json'}, {folder / 'load.png'}")


def _judge(result: Result, max_p99_ms: float | None, max_error_rate: float | None) -> None:
    """Raise GateRefused where a bound is broken, and ServiceUnavailable where nothing was answered."""
    broken = []
    if max_error_rate is not None and result.error_rate > max_error_rate:
        broken.append(f"{result.error_rate:.3%} of the requests failed, and at most {max_error_rate:.3%} may")
    p99 = result.latencies_ms.get("p99", float("inf"))
    if max_p99_ms is not None and p99 > max_p99_ms:
        broken.append(f"the 99th percentile is {p99:.4g} ms, and at most {max_p99_ms:g} ms is allowed")
    if broken:
        raise GateRefused(f"{'; '.join(broken)}.", hint="add replicas or batching, or ask for less; see load.png.")
    if not result.num_answered:
        raise ServiceUnavailable("no request was answered.", hint="the failures above say why; see the server's log.")
