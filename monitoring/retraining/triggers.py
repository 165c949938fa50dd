"""Starts a training run: the same run file, with the labelled requests among its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STEP_VARIABLES = (
    "ESTAFET_RUN_DIR",
    "ESTAFET_SCRATCH_DIR",
    "ESTAFET_RUNNER_PID",
    "ESTAFET_MLFLOW_PARENT_FILE",
    "MLFLOW_RUN_ID",
    "_KFP_RUNTIME",  # set inside a step; under it, Kubeflow's package leaves out what a runner needs
)
"""What a runner tells its own steps; a training run that a step starts is a run of its own."""
NUM_KEPT_LINES = 20


@dataclass(frozen=True)
class Ended:
    """How a training run ended.

    Attributes:
        exit_status: 0, or the status of its error; 5 where a gate refused the model.
        last_lines: The last lines that it wrote.
    """

    exit_status: int
    last_lines: tuple[str, ...]

    @property
    def error(self) -> str:
        """What it says of its failure: from its last `error:` line on, or its last lines."""
        starts = [index for index, line in enumerate(self.last_lines) if line.startswith("error:")]
        return "\n".join(self.last_lines[starts[-1] :] if starts else self.last_lines[-5:])


def training_overrides(
    overrides: Sequence[str],
    sources: Sequence[str],
    hyperparameters: Mapping[str, object] | None,
    listing: str | Path | None = None,
) -> list[str]:
    """Return the overrides of a training run on more data.

    Args:
        overrides: Those that the monitoring run was started with.
        sources: All sources, the old ones first.
        hyperparameters: The champion's, which are kept; None to tune again.
        listing: The file that gives images their classes, where there is one.
    """
    added = [f"data.source={_as_yaml(list(sources))}"]
    if listing is not None:
        added.append(f"data.labels={_as_yaml(str(listing))}")
    if hyperparameters is not None:
        added += ["tune.enabled=false", f"model.hyperparameters={_as_yaml(dict(hyperparameters))}"]
    return [*overrides, *added]


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run that a step starts: the step's, without what belongs to the step."""
    return {name: value for name, value in environment.items() if name not in STEP_VARIABLES}


def run_training(
    run_file: str | Path, profile: str | None, overrides: Sequence[str], say: Callable[[str], None]
) -> Ended:
    """Run a training pipeline in a process that ends with this one, and wait for it.

    Args:
        run_file: The run file.
        profile: Its profile, if one is applied.
        overrides: Its overrides.
        say: Is given each line that the run writes.
    """
    chosen = ["--profile", profile] if profile else []
    settings = [part for override in overrides for part in ("--set", override)]
    return run_command([sys.executable, "-m", "cli.main", "run", str(run_file), *chosen, *settings], say)


def run_command(command: Sequence[str], say: Callable[[str], None]) -> Ended:
    """Run a command in a process that ends with this one, and wait for it."""
    launcher = [sys.executable, "-m", "monitoring.retraining.launch", str(os.getpid())]
    kept: deque[str] = deque(maxlen=NUM_KEPT_LINES)
    with subprocess.Popen(
        [*launcher, *command],
        env=child_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        try:
            for line in child.stdout:
                if line := line.rstrip():
                    kept.append(line)
                    say(line)
        except BaseException:
            child.kill()
            raise
    return Ended(child.returncode, tuple(kept))


def _as_yaml(value: object) -> str:
    """JSON would not do: YAML reads its 1e-05 as a word."""
    import yaml

    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
        .removesuffix("...\n")
        .strip()
    )
