"""The page of an evaluation: the verdict first, then what it rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.evaluate import bought, plots
from estafet.evaluation import ChampionComparison, Evaluation, GateResult
from estafet.metrics import Outcome
from estafet.records.manifest import Manifest
from estafet.records.windows import starts_of
from estafet.reports import Page
from estafet.runfile.tasks import Task

MAX_CLASSES_IN_TABLE = 100


def draw(outcome: Outcome, manifest: Manifest, folder: str | Path, *, baseline: str = "") -> list[tuple[Path, str]]:
    """Write the task's plots into a folder; return their paths with captions.

    Args:
        outcome: The candidate's predictions.
        manifest: The data set's manifest.
        folder: Where the PNG files go.
        baseline: For forecasting: the name of the forecast that it is drawn beside.
    """
    folder, label = Path(folder), manifest.data_schema.label
    if manifest.task.is_classification:
        matrix = plots.confusion_matrix(outcome, label.classes, folder / "confusion.png")
        curve = plots.calibration(outcome, folder / "calibration.png")
        return [
            (matrix, "Which classes are taken for which."),
            (curve, "How often it is right when it is sure."),
        ]
    if manifest.task == Task.TABULAR_REGRESSION:
        scatter = plots.predicted_against_actual(outcome, label.name, folder / "predicted.png")
        errors = plots.residuals(outcome, label.name, folder / "residuals.png")
        return [
            (scatter, "Each held-out example."),
            (errors, "What is left: a trend can still be learned."),
        ]
    name = manifest.data_schema.numeric[0].name
    shown, which = _first_series(outcome, manifest)
    lines = plots.forecast_against_actual(shown, name, folder / "forecast.png", baseline=baseline)
    pictures = [(lines, f"The forecast one step ahead, beside what came{which}.")]
    if manifest.window.horizon > 1:
        errors = plots.error_by_step(outcome, folder / "error_by_step.png", baseline=baseline)
        pictures.append((errors, "How the error grows with the distance."))
    return pictures


def _first_series(outcome: Outcome, manifest: Manifest) -> tuple[Outcome, str]:
    """Return the windows of the first series that has some, and which one that is, where there are several."""
    segments = manifest.splits["test"].segments
    if len(segments) < 2:
        return outcome, ""
    ends = np.cumsum([len(starts_of(segment, manifest.window)) for segment in segments])
    first = int(np.argmax(ends > 0))
    chosen = slice(0, ends[first])
    part = Outcome(outcome.task, outcome.labels[chosen], outcome.predictions[chosen], outcome.naive[chosen])
    return part, f"; '{' / '.join(segments[first].key)}' is one of {len(segments):,} series"


def build(evaluation: Evaluation, pictures: list[tuple[Path, str]], headline: str) -> Page:
    """Return the page of an evaluation.

    Args:
        evaluation: What was found.
        pictures: PNG files with captions.
        headline: The result in a few words.
    """
    task = evaluation.task.value.replace("_", " ")
    page = Page("Evaluation", f"{task} · {evaluation.num_examples:,} examples of the {evaluation.split} split")
    page.verdict(headline, "good" if evaluation.passed else "bad")
    page.facts(evaluation.metrics)
    if evaluation.gates:
        page.heading("Gates").table(
            [
                {"metric": gate.metric, "value": gate.value, "needed": _bounds(gate),
                 "result": "passed" if gate.passed else "failed"}
                for gate in evaluation.gates
            ]
        )  # fmt: skip
    if evaluation.champion:
        _champion(page, evaluation.champion, evaluation.metrics)
    if evaluation.baselines:
        everyone = {"candidate": evaluation.metrics, **evaluation.baselines}
        rows = [{"model": name, **{m: found.get(m) for m in evaluation.metrics}} for name, found in everyone.items()]
        page.heading("Beside simple models").table(rows, caption="The same examples for all.")
    if evaluation.company:
        page.heading("What the other models bought").text(evaluation.bought)
        page.table(bought.rows(evaluation), caption=bought.CAPTION)
    page.heading("Predictions")
    for path, caption in pictures:
        page.figure(path, caption)
    if evaluation.confusion and len(evaluation.classes) <= MAX_CLASSES_IN_TABLE:
        page.heading("By class").table(per_class(np.array(evaluation.confusion), evaluation.classes))
    model, dataset = (version[:12] or "unknown" for version in (evaluation.model_version, evaluation.dataset_version))
    page.heading("Made from").text(f"Model {model}, data set {dataset}.")
    return page


def per_class(confusion_CC: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, object]]:
    """Return precision, recall and F1 of each class; None where a class is never predicted or does not occur."""
    hits_C, true_C, predicted_C = np.diag(confusion_CC), confusion_CC.sum(axis=1), confusion_CC.sum(axis=0)
    return [
        {
            "class": name,
            "examples": int(true),
            "precision": float(hits / predicted) if predicted else None,
            "recall": float(hits / true) if true else None,
            "F1": float(2 * hits / (true + predicted)) if true + predicted else None,
        }
        for name, hits, true, predicted in zip(classes, hits_C, true_C, predicted_C, strict=True)
    ]


def _bounds(gate: GateResult) -> str:
    bounds = (("at least", gate.min), ("at most", gate.max))
    return " and ".join(f"{word} {bound:.4g}" for word, bound in bounds if bound is not None)


def _champion(page: Page, comparison: ChampionComparison, metrics: dict[str, float]) -> None:
    page.heading("Beside the champion")
    if comparison.status == "skipped":
        page.text(f"Not compared with {comparison.folder}: {comparison.reason.rstrip('.')}.", "warn")
        return
    tone = "good" if comparison.low is not None and comparison.low > 0 else "neutral"
    page.text(f"{comparison.verdict.capitalize()}.", tone if comparison.passed else "bad")
    interval = ""
    if comparison.low is not None:
        interval = f", 95 % interval from {_signed(comparison.low)} to {_signed(comparison.high)}"
    page.text(
        f"Improvement of {comparison.metric}: {_signed(comparison.improvement)}{interval} "
        f"(negative is worse; a loss of up to {comparison.max_regression:.4g} is allowed)."
    )
    names = [name for name in metrics if name in comparison.champion_metrics]
    page.table(
        [{"metric": n, "candidate": metrics[n], "champion": comparison.champion_metrics[n]} for n in names],
        caption=f"Champion: {comparison.folder}",
    )


def _signed(value: float) -> str:
    return f"{value:+.4g}" if value else "0"
