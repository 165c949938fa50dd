"""What a run leaves on the screen when it has ended: the result, what it took, and where to look next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.live_table import MARKS, duration, visible
from estafet.errors import EstafetError, GateRefused
from estafet.runfile import LoadedRunFile
from pipelines.local import RunResult
from pipelines.parent_run import evaluation_of

PLACES = ("name", "workspace", "tracking", "serve", "deploy")
"""Keys of the run file that say where models and runs are."""


def refusal(result: RunResult) -> GateRefused | None:
    """Return the gate's refusal, if the run ended with one."""
    evaluation = evaluation_of(result.state)
    if result.error or evaluation is None or evaluation.passed:
        return None
    step = result.state.steps["evaluate"]
    return GateRefused(
        f"the gate refused this model: {step.message.removesuffix(': refused')}. Nothing was deployed, and the served "
        "model stays.",
        hint=f"see {_evaluation_page(result)}; change evaluate.gates, or what the model learns from.",
    )


def print_summary(result: RunResult, loaded: LoadedRunFile, console: Console) -> None:
    """Print the headline, the cost of each step, and the next commands."""
    console.print()
    if result.error is None:
        for line in _headline(result):
            console.print(line, markup=False, highlight=False, style="bold", soft_wrap=True)
    console.print(_costs(result))
    console.print()
    for label, text in _next_steps(result, loaded):
        console.print(f"[dim]{label:<17}[/]{escape(text)}", highlight=False, soft_wrap=True)


def raise_error(result: RunResult) -> None:
    """Raise what ended the run, so that the command ends with its words and its exit status."""
    error: EstafetError | None = result.error or refusal(result)
    if error is not None:
        raise error


def _headline(result: RunResult) -> list[str]:
    steps = result.state.steps
    lines = [steps[name].message for name in ("evaluate", "deploy", "detect_drift", "retrain") if name in steps]
    return [line for line in lines if line]


def _costs(result: RunResult) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("step", no_wrap=True)
    for name in ("wall", "CPU", "peak"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    cpu_s = peak_mb = 0.0
    for step in visible(result.state):
        mark, style = MARKS[step.state]
        name, record = f"[{style}]{mark}[/] {step.step}", step.record
        if record is None:
            table.add_row(name, "", "", "", f"from run {step.made_by}" if step.state == "reused" else step.state)
            continue
        cpu_s, peak_mb = cpu_s + record.cpu_s, max(peak_mb, record.peak_mb)
        table.add_row(name, *_cost(record.wall_s, record.cpu_s, record.peak_mb), "failed" * (step.state == "failed"))
    table.add_row("[dim]  whole run[/]", *_cost(result.wall_s, cpu_s, peak_mb), "")
    return table


def _cost(wall_s: float, cpu_s: float, peak_mb: float) -> tuple[str, str, str]:
    if not peak_mb:
        return duration(wall_s), "", ""
    return duration(wall_s), duration(cpu_s), f"{peak_mb:,.0f} MB"


def _next_steps(result: RunResult, loaded: LoadedRunFile) -> Iterator[tuple[str, str]]:
    """Yield what to look at or type next."""
    file = " ".join([short_path(loaded.path), *_options(loaded)])
    if result.error is None and "deploy" in result.state.steps and not refusal(result):
        yield "serve it", f"estafet serve {file}"
    yield "browse the runs", f"estafet experiments {file}"
    study = _artifact(result, "tune", "study")
    if study:
        yield "tuning", short_path(Path(study) / "report.html")
    page = _evaluation_page(result)
    if page:
        yield "evaluation", page
    report = _artifact(result, "detect_drift", "report")
    if report:
        yield "drift report", short_path(Path(report) / "report.html")
    yield "log", short_path(result.log)


def _options(loaded: LoadedRunFile) -> Iterator[str]:
    """Yield what must be typed again for a command to find this run's workspace."""
    if loaded.profile:
        yield f"--profile {shlex.quote(loaded.profile)}"
    for override in loaded.overrides:
        if override.startswith(PLACES):
            yield f"--set {shlex.quote(override)}"


def _evaluation_page(result: RunResult) -> str:
    folder = _artifact(result, "evaluate", "evaluation")
    return short_path(Path(folder) / "report.html") if folder else ""


def _artifact(result: RunResult, step: str, output: str) -> str | None:
    state = result.state.steps.get(step)
    artifact: Any = state.outputs.get(output) if state else None
    if artifact is not None:
        return artifact.path
    found = list(result.state.folder.glob(f"artifacts/*/{step.replace('_', '-')}/{output}"))
    return str(found[0]) if found else None


def short_path(path: Path) -> str:
    """Return a path as seen from here, where that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)
