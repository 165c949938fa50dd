"""A comparison of batch sizes in a folder: table, picture and page; and the same in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.train.batch_sizes.comparison import Comparison
from components.train.batch_sizes.measured import Measured
from components.train.batch_sizes.plot import plot
from components.train.batch_sizes.sentence import sentence, warning
from estafet.reports import Page
from estafet.tracking import MlflowTracker

TABLE_FILE, PLOT_FILE, PAGE_FILE = "batch-sizes.csv", "batch-sizes.png", "batch-sizes.html"
NOTE_TAG = "mlflow.note.content"
COLUMNS = {
    "batch": "batch",
    "learning_rate": "learning rate",
    "epoch_s": "s an epoch",
    "epoch_cpu_s": "CPU s an epoch",
    "examples_per_s": "examples/s",
    "best": "best",
    "final": "last",
    "epochs_to_target": "epochs to target",
    "seconds_to_target": "s to target",
    "cpu_seconds_to_target": "CPU s to target",
    "peak_mb": "peak MB",
    "note": "",
}
"""The columns of the page's table, and what they are called on it."""
ONE_SEED = (
    "One seed each: differences of some percent are chance, and times are those of this machine. Seconds leave out "
    "imports, building and tracing, which are the same for every size; memory holds TensorFlow itself."
)


@dataclass(frozen=True)
class About:
    """What was trained.

    Attributes:
        name: The model's name.
        facts: What all trainings have in common, by name.
        dataset: Name, version and folder of the data set.
    """

    name: str
    facts: Mapping[str, object]
    dataset: tuple[str, str, str]

    @property
    def in_short(self) -> str:
        """How much is learned from, and how often."""
        count = self.facts["epochs"]
        return f"{self.facts['training examples']:,} examples · {count} epoch{'s' * (count != 1)}"


def save(comparison: Comparison, about: About, folder: str | Path) -> list[Path]:
    """Write table, picture and page, and return their paths; without a finished training there is no picture."""
    folder = Path(folder)
    table, picture, page = (folder / name for name in (TABLE_FILE, PLOT_FILE, PAGE_FILE))
    comparison.save(table)
    if comparison.whole:
        plot(comparison, f"{about.name}: {about.in_short}", picture)
    _page(comparison, about, picture if comparison.whole else None).save(page)
    return [path for path in (table, picture, page) if path.is_file()]


def _page(comparison: Comparison, about: About, picture: Path | None) -> Page:
    page = Page(f"Batch sizes for {about.name}", about.in_short).verdict(sentence(comparison))
    page.facts({**about.facts, "target": comparison.about_target})
    if picture:
        page.figure(picture, f"Validation {comparison.words} over time, and what each size costs and reaches.")
    rows = [{title: row[name] for name, title in COLUMNS.items()} for row in comparison.rows()]
    columns = [title for title in COLUMNS.values() if title or any(row[""] for row in rows)]
    page.heading("Table").table(rows, columns, caption=f"best, last: validation {comparison.words}")
    if said := warning(comparison):
        page.text(said, "warn")
    return page.text(ONE_SEED)


def track(
    comparison: Comparison, about: About, files: list[Path], tracker_named: Callable[[str, str | None], MlflowTracker]
) -> None:
    """Record a comparison: one run with its files, and a nested run for each training.

    Args:
        comparison: The comparison.
        about: What was trained.
        files: What `save` wrote.
        tracker_named: Makes the tracker of a new run from its name and the id of the run it is nested in.
    """
    parent = tracker_named("batch sizes", None)
    parent.log_parameters({**about.facts, "target": comparison.about_target})
    parent.log_dataset(*about.dataset, "training")
    parent.log_tags({NOTE_TAG: sentence(comparison), "estafet.found": sentence(comparison)})
    for path in files:
        parent.log_file(path)
    for one, row in zip(comparison.measured, comparison.rows(), strict=True):
        _track_one(tracker_named(f"batch {one.name}", parent.run_id), one, row)
    parent.end("FINISHED" if comparison.whole else "FAILED")


def _track_one(tracker: MlflowTracker, one: Measured, row: Mapping[str, object]) -> None:
    words = ("batch", "kind", "learning_rate", "metric", "devices")
    tracker.log_parameters({**{name: row[name] for name in words}, "decisions": dict(one.decisions)})
    for epoch, values in enumerate(one.history):
        tracker.log_metrics(values, step=epoch)
    tracker.log_metrics({name: row[name] for name in row if name not in (*words, "note") and row[name] is not None})
    if one.reason:
        tracker.log_tags({"estafet.error": one.reason[:5000]})
    tracker.end("FINISHED" if one.is_whole else "FAILED")
