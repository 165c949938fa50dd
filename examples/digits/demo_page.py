"""The page that the demo leaves: what the camera saw, what the relay did about it, and where to look."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from estafet.files import read_json
from estafet.reports import Page

NUM_SHOWN = 10


def write_page(
    workspace: Path, normal: list[bytes], shifted: list[bytes], old: float, new: float, num_exam: int, took_s: float
) -> Path:
    """Write `demo.html` into the workspace.

    Args:
        workspace: The demo's workspace.
        normal: PNG files of the camera when it was new.
        shifted: PNG files of the aged camera.
        old: Accuracy of version 1 on the exam.
        new: Accuracy of version 2 on the exam.
        num_exam: Number of images in the exam.
        took_s: Seconds that the demo took.

    Returns:
        The page.
    """
    page = Page("The relay, once round", "Handwritten digits: trained, served, drifted, retrained")
    page.facts({"version 1 on the aged camera": f"{old:.3f}", "version 2": f"{new:.3f}", "took": f"{took_s:.0f} s"})
    page.text(
        f"Both accuracies are on the same {num_exam} requests of the aged camera, which retraining did not use. "
        "The monitor stayed calm on normal traffic, found the drift, took the labels of the other requests from a "
        "file, trained on old and new data, and the server picked the new version up without a restart."
    )
    page.figure(_camera(normal, shifted), "Above: as the model learned them. Below: as the aged camera takes them.")
    page.figure(_accuracies(old, new), "Accuracy before and after the retraining.")
    for run in sorted((workspace / "runs").iterdir()):
        _describe_run(page, workspace, run)
    path = workspace / "demo.html"
    page.save(path)
    return path


def _describe_run(page: Page, workspace: Path, run: Path) -> None:
    record = read_json(run / "run.json")
    rows = [
        (name, step["state"], f"{step['wall_s']:.1f} s" if "wall_s" in step else "", step["message"])
        for name, step in record["steps"].items()
    ]
    page.table(rows, ("step", "state", "wall", "result"), caption=f"Run {run.name}: {record['state']}")
    for report in sorted(run.glob("artifacts/*/*/*/*.html")):
        page.link(f"{report.parent.name}: {report.name}", str(report.relative_to(workspace)))


def _camera(normal: list[bytes], shifted: list[bytes]) -> bytes:
    figure, axes = plt.subplots(2, NUM_SHOWN, figsize=(9, 2.1))
    steps = np.linspace(0, len(normal) - 1, NUM_SHOWN).astype(int)
    for row, images in zip(axes, ([normal[i] for i in steps], shifted[:NUM_SHOWN]), strict=True):
        for axis, png in zip(row, images, strict=True):
            with Image.open(io.BytesIO(png)) as image:
                axis.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
            axis.axis("off")
    return _png(figure)


def _accuracies(old: float, new: float) -> bytes:
    figure, axis = plt.subplots(figsize=(6, 1.8))
    bars = axis.barh(["version 1", "version 2"], [old, new], color=["#9aa7b5", "#2563a8"], height=0.6)
    axis.bar_label(bars, fmt="%.3f", padding=4)
    axis.set(xlim=(0, 1.1), xlabel="accuracy on the aged camera")
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _png(figure: plt.Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150, bbox_inches="tight")
    plt.close(figure)
    return file.getvalue()
