"""Writes a guess down as a run file with comments."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from cli.proposal.guess import Guess
from estafet.runfile.tasks import HIGHER_IS_BETTER, Task

SMALL, MEDIUM = 2_000, 50_000
IMAGE_IN_ROWS = 4
"""Number of rows of a table that count as much as one image, when it is decided how long to train."""
COMMENT_COLUMN = 40


def run_file_text(name: str, source: str, guess: Guess) -> str:
    """Return the text of a run file.

    Args:
        name: Name of the model.
        source: The data, relative to the run file.
        guess: What the data are for.
    """
    lines = [
        "# Written by `estafet init` from a look at the data; change what you know better. All keys: docs/run-file.md",
        f"name: {_value(name)}",
        _line(f"task: {guess.task.value}", guess.why),
        "",
        "data:",
        f"  source: {_value(source)}",
        *(_line(f"  {key}: {_value(value)}", comment) for key, (value, comment) in guess.data.items()),
        "",
        *_tune_and_train(guess),
        "",
        *_evaluate(guess.task),
        "",
        "monitor:",
        "  # labels: labels.csv   # columns request_id and label: what the served requests really were",
        "  window:",
        _line("    min_rows: 500", "requests below which a window is not judged"),
        "  policy:",
        _line("    retrain: auto", "drift starts a training run; approve: it asks first; off: it only tells"),
    ]
    return "\n".join(lines) + "\n"


def _tune_and_train(guess: Guess) -> Iterator[str]:
    """Spend many passes over few examples, and few over many."""
    size = guess.num_examples * (IMAGE_IN_ROWS if guess.task is Task.IMAGE_CLASSIFICATION else 1)
    if size < SMALL:
        trials, subsample, trial_epochs, epochs, start, largest, every, patience = 8, 1.0, 10, 60, 16, 64, 15, 12
    elif size < MEDIUM:
        trials, subsample, trial_epochs, epochs, start, largest, every, patience = 8, 0.33, 5, 30, 32, 256, 6, 8
    else:
        trials, subsample, trial_epochs, epochs, start, largest, every, patience = 6, 0.1, 3, 12, 128, 1024, 3, 4
    yield "tune:"
    yield _line(f"  trials: {trials}", "configurations to try; `enabled: false` leaves tuning out")
    again = "; the best are trained again on all of it" if subsample < 1 else ""
    yield _line(f"  subsample: {subsample}", f"share of the training split that they learn from{again}")
    yield f"  epochs: {trial_epochs}"
    yield ""
    yield "train:"
    yield f"  epochs: {epochs}"
    schedule = _value({"start": start, "limit": largest, "growth": 2, "every_epochs": every})
    yield _line(f"  batch: {schedule}", "it doubles")
    yield _line(f"  early_stopping_patience: {patience}", "epochs without a better validation loss")


def _evaluate(task: Task) -> Iterator[str]:
    metric = task.headline_metric
    bound = "min" if HIGHER_IS_BETTER[metric] else "max"
    yield "evaluate:"
    yield _line(f"  metric: {metric}", "heads the report, and decides against the champion")
    if task is Task.FORECASTING:
        yield "  # gates: {skill: {min: 0.0}}   # deploy nothing that is worse than repeating the value of a season ago"
    else:
        yield f"  # gates: {{{metric}: {{{bound}: …}}}}   # beyond it nothing is deployed; set it after the first run"


def _line(text: str, comment: str) -> str:
    return f"{text.ljust(COMMENT_COLUMN)}  # {comment}" if comment else text


def _value(value: object) -> str:
    """Return a value as YAML on one line, with quotes where they are needed."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()
