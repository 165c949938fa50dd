"""The page that shows the formats of a model beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from estafet.release import EXPORT_PAGE_FILE, FOLDER, TENSORS_FILE, Format
from estafet.reports import Page
from estafet.runfile.tasks import Task

NAMES = {
    "keras": "Keras",
    "saved_model": "SavedModel",
    "lite-float": "LiteRT, float",
    "lite-dynamic": "LiteRT, dynamic range",
    "lite-int8": "LiteRT, int8",
    "tfjs": "TensorFlow.js",
}


def write(formats: Sequence[Format], task: Task, name: str, num_examples: int, folder: Path) -> None:
    """Write the page into a version directory.

    Args:
        formats: The Keras model, its SavedModel and the formats that were asked for.
        task: What the model does.
        name: The model's name.
        num_examples: Number of held-out examples that all were asked about.
        folder: The version directory.
    """
    failed = [part for part in formats if part.problem]
    made = f"{len(formats) - len(failed) - 2} of {len(formats) - 2} formats were made"
    page = Page(f"{name} in other formats", f"The same {num_examples:,} held-out examples for all of them.")
    page.verdict(made, "warn" if failed else "good")
    unit = "of a probability" if task.is_classification else "in standard deviations of the predictions"
    page.table(
        [_row(part) for part in formats],
        caption=f"Difference: the largest one from the Keras model's predictions, {unit}. Latency: median on this "
        "machine, LiteRT on one thread; the SavedModel takes raw inputs, the others prepared tensors. TensorFlow.js is "
        "run by a browser, so its files are read back and computed by TensorFlow.",
    )
    if failed:
        page.heading("What could not be had, and how to go on")
        for part in failed:
            page.text(f"{NAMES[part.name]}: {part.problem}.")
        page.text(
            "Choose another kind in the export section, or another model: multilayer perceptrons, convolutions and "
            "linear models on numbers go into every format."
        )
    page.text(f"The tensors that LiteRT and TensorFlow.js models take are described in {FOLDER}/{TENSORS_FILE}.")
    page.save(folder / FOLDER / EXPORT_PAGE_FILE)


def _row(part: Format) -> dict[str, object]:
    if part.problem:
        return {"format": NAMES[part.name], "file": "–", "size": "–", "difference": "–", "same class": "–",
                "ms, 1": "–", "ms, 64": "–"}  # fmt: skip
    return {
        "format": NAMES[part.name] + (f" ({part.rows} at a time)" if part.rows else ""),
        "file": part.path or "–",
        "size": size_in_words(part.size_bytes),
        "difference": f"{part.max_difference:.2g}",
        "same class": "–" if part.same_class is None else f"{part.same_class:.1%}",
        "ms, 1": "–" if part.latency_ms is None else f"{part.latency_ms:.3g}",
        "ms, 64": "–" if part.batch_latency_ms is None else f"{part.batch_latency_ms:.3g}",
    }


def size_in_words(num_bytes: int) -> str:
    """Return a size such as `1.2 MB` or `12 kB`."""
    return f"{num_bytes / 1e6:.1f} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.0f} kB"
