"""The page that the demo leaves: what the camera saw, what the relay did about it, and where to look."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from estafet.files import read_json
from estafet.reports import Page

NUM_SHOWN = 10
HIDDEN = ("report_end",)
REPORTS = {
    "tune": ("report.html", "How it was tuned"),
    "evaluate": ("report.html", "How it was evaluated"),
    "detect-drift": ("report.html", "What the monitor saw"),
}


def write_page(
    workspace: Path,
    normal: list[bytes],
    aged: list[bytes],
    accuracies: Mapping[str, float],
    num_exam: int,
    took_s: float,
) -> Path:
    """Write `demo.html` into the workspace.

    Args:
        workspace: The demo's workspace.
        normal: PNG files of the camera when it was new.
        aged: The first of these digits as the aged camera takes them.
        accuracies: By model and camera, in the order of time; the last two are on the same exam.
        num_exam: Number of images in the exam.
        took_s: Seconds that the demo took.

    Returns:
        The page.
    """
    page = Page("The relay, once round", "Handwritten digits: trained, served, drifted, retrained")
    facts = {name: f"{value:.1%}" for name, value in accuracies.items()}
    page.facts(facts)
    page.text(
        "The monitor stayed calm while the camera was new, and raised an alert when it had aged. It took the labels "
        "that people gave to some of these requests, trained on old and new data, and the server picked version 2 up "
        f"without a restart. Both versions answered the same {num_exam} photographs by the aged camera, "
        "which neither had learned from."
    )
    page.figure(_camera(normal, aged), "The same digits by the camera that the model learned from, and by the aged one")
    page.figure(_accuracies(accuracies), "Share of digits that are read correctly")
    for run in sorted((workspace / "runs").iterdir()):
        _describe_run(page, workspace, run)
    page.text(f"The whole relay took {took_s:.0f} s.")
    path = workspace / "demo.html"
    page.save(path)
    return path


def _describe_run(page: Page, workspace: Path, run: Path) -> None:
    record = read_json(run / "run.json")
    rows = [
        (name, step["state"], f"{step['wall_s']:.1f} s" if "wall_s" in step else "", step["message"])
        for name, step in record["steps"].items()
        if name not in HIDDEN
    ]
    kind = "Monitoring" if "detect_drift" in record["steps"] else "Training"
    page.heading(f"{kind} run {run.name}").table(rows, ("step", "state", "seconds", "result"))
    for step, (report, words) in REPORTS.items():
        for path in sorted(run.glob(f"artifacts/*/{step}/*/{report}")):
            page.link(words, str(path.relative_to(workspace)))


def _camera(normal: list[bytes], aged: list[bytes]) -> bytes:
    figure, axes = plt.subplots(2, NUM_SHOWN, figsize=(10, 2.2), layout="constrained")
    for row, name, images in zip(axes, ("new camera", "aged camera"), (normal, aged), strict=True):
        for axis, png in zip(row, images[:NUM_SHOWN], strict=True):
            with Image.open(io.BytesIO(png)) as image:
                axis.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=10)
    return _png(figure)


def _accuracies(accuracies: Mapping[str, float]) -> bytes:
    figure, axis = plt.subplots(figsize=(10, 1.9), layout="constrained")
    bars = axis.barh(list(accuracies), list(accuracies.values()), color=["#9aa7b5", "#c2410c", "#2563a8"], height=0.62)
    axis.bar_label(bars, fmt="{:.1%}", padding=5, fontweight="bold")
    axis.set(xlim=(0, 1.08), xticks=[])
    axis.tick_params(length=0)
    axis.invert_yaxis()
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    return _png(figure)


def _png(figure: plt.Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    plt.close(figure)
    return file.getvalue()
