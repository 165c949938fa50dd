"""The models that a released one was made of or learned from: each scored and measured beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.evaluate import scoring
from estafet import latency
from estafet.evaluation import Companion
from estafet.metrics import Outcome, compute
from estafet.records.manifest import Manifest
from estafet.telemetry import Progress

if TYPE_CHECKING:
    import keras

RELEASED = "released"
SPLIT = "test"
MEASURED = ("num_parameters", "size_bytes", "latency_ms", "examples_per_s")
ORDER = ("teacher", "member", "ensemble", "twin", "student", "model")


def score(
    model_folder: str | Path,
    model: keras.Model,
    dataset_folder: str | Path,
    manifest: Manifest,
    candidate: Outcome,
    progress: Progress,
) -> tuple[tuple[Companion, ...], Outcome | None]:
    """Score and measure every model in `company/` of a model's folder, and the model itself.

    Args:
        model_folder: What `train` wrote.
        model: The model that is released.
        dataset_folder: What `ingest` wrote.
        manifest: Its manifest.
        candidate: What the released model predicts for the test split.
        progress: Told which model is being scored.

    Returns:
        The teacher, the members, the ensemble, the student's twin and the students, and last the released model; and
        the predictions of the single model that would have been released otherwise. Nothing where there is only one.

    Raises:
        StepFailed: One predicts something that is not a number.
    """
    from estafet.training.trained import COMPANY_FOLDER, TRAINED_FILE, Trained, load_model

    folders = {path.parent.name: path.parent for path in Path(model_folder).glob(f"{COMPANY_FOLDER}/*/{TRAINED_FILE}")}
    if not folders:
        return (), None
    folders[RELEASED] = Path(model_folder)
    models, outcomes, known = {RELEASED: model}, {RELEASED: candidate}, {}
    for name, folder in folders.items():
        known[name] = Trained.load(folder)
        if name != RELEASED:
            progress(f"scoring {name.replace('-', ' ')}")
            models[name] = load_model(folder)
            predictions = scoring.predict(models[name], dataset_folder, manifest, SPLIT)
            outcomes[name] = replace(candidate, predictions=predictions)
    progress("measuring how fast each model answers")
    found = latency.measure(models, dataset_folder, SPLIT)
    names = sorted(folders, key=lambda name: (name == RELEASED, ORDER.index(known[name].role), _number(name)))
    companions = tuple(
        Companion(
            name=name,
            role=known[name].role,
            about=known[name].about,
            metrics=compute(outcomes[name]),
            num_parameters=known[name].num_parameters,
            size_bytes=_size_bytes(folders[name]),
            latency_ms=1000 * found[name].single_s,
            examples_per_s=latency.BATCH_SIZE / found[name].batch_s,
        )
        for name in names
    )
    return companions, outcomes[names[0]]


def _number(name: str) -> int:
    """Return 10 for `member-10`, which comes after `member-9`."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _size_bytes(folder: Path) -> int:
    from estafet.training.trained import MODEL_FILE

    return (folder / MODEL_FILE).stat().st_size
