"""Write a SavedModel whose signature takes raw features, verify it, and register it as the candidate."""

from __future__ import annotations

import functools
import importlib.metadata
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.export import registration, signatures, smoke, verification
from components.export.formats import making, page
from estafet import release
from estafet.errors import GateRefused
from estafet.evaluation import EVALUATION_FILE, Evaluation
from estafet.files import replacing_folder
from estafet.records.manifest import Manifest
from estafet.records.reading import raw_examples
from estafet.release import Contract, Format, Release
from estafet.runfile.steps import ExportSettings as Settings
from estafet.saved_model import SavedModel
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker
from estafet.training.trained import Trained, load_model

__all__ = ["Settings", "export", "summary"]

NUM_STAGES = 4
KEPT_FROM_EVALUATION = (EVALUATION_FILE, release.REFERENCE_FILE, release.REPORT_FILE)


def export(
    settings: Settings,
    model_folder: str | Path,
    dataset_folder: str | Path,
    evaluation_folder: str | Path,
    out_folder: str | Path,
    *,
    provenance: Mapping[str, str],
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Release:
    """Write a version directory that is ready to be served; it appears whole or not at all.

    Args:
        settings: The run file's `export` section, the model, the task and the model's name.
        model_folder: What `train` wrote.
        dataset_folder: What `ingest` wrote.
        evaluation_folder: What `evaluate` wrote.
        out_folder: Where the version directory goes.
        provenance: `model_version`, `dataset_version`, `recipe` and `compared_with`.
        progress: Told what is being done.
        tracker: Told of the model, where it is MLflow.

    Raises:
        GateRefused: The evaluation refused the model.
        StepFailed: The SavedModel does not agree with the Keras model.
        ServiceUnavailable: MLflow did not take the model.
    """
    tracker, evaluation = tracker or NullTracker(), Evaluation.load(evaluation_folder)
    if not evaluation.passed:
        raise GateRefused("the evaluation refused this model, so it is not exported.", hint="read its report.html.")
    with replacing_folder(out_folder) as folder:
        progress("writing the SavedModel", 0, NUM_STAGES)
        model, contract = load_model(model_folder), Contract.from_manifest(Manifest.load(dataset_folder))
        signatures.write_saved_model(model, contract, folder)
        contract.save(folder)
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        progress("comparing it with the Keras model", 1, NUM_STAGES)
        served = SavedModel(folder)
        num_verified = verification.verify(model, served, dataset_folder, settings.verify_examples)
        formats = ()
        if making.asked(settings):
            told = functools.partial(_at_stage, progress)
            formats = making.make(settings, model, served, dataset_folder, folder, told)
        progress("writing its papers", 2, NUM_STAGES)
        smoke.make(served, raw_examples(dataset_folder, verification.SPLIT, smoke.NUM_REQUESTS)).save(folder)
        for name in KEPT_FROM_EVALUATION:
            shutil.copyfile(Path(evaluation_folder) / name, folder / release.FOLDER / name)
        papers = _papers(settings, Trained.load(model_folder), evaluation, provenance, folder)
        found = {"size_bytes": size_bytes, "verified_examples": num_verified, "formats": formats}
        papers = papers.model_copy(update=found)
        papers.save(folder)
        progress("registering it", 3, NUM_STAGES)
        papers = _registered(papers, tracker, folder, contract)
        papers.save(folder)
    return papers


def summary(exported: Release) -> str:
    """Return the result in a few words."""
    size = page.size_in_words(exported.size_bytes)
    words = [f"{size}, equals Keras on {exported.verified_examples} examples"]
    for part in exported.formats[2:]:
        words.append(f"no {part.name}" if part.problem else f"{part.name} {page.size_in_words(part.size_bytes)}")
    if exported.registered_version:
        words.append(f"registered as v{exported.registered_version}")
    return " · ".join(words)


def _at_stage(progress: Progress, message: str) -> None:
    progress(message, 2, NUM_STAGES)


def _papers(
    settings: Settings, trained: Trained, evaluation: Evaluation, provenance: Mapping[str, str], folder: Path
) -> Release:
    return Release(
        name=settings.name,
        task=settings.task,
        model_version=provenance.get("model_version") or trained.version,
        dataset_version=provenance.get("dataset_version") or trained.dataset_version,
        recipe=provenance.get("recipe", ""),
        compared_with=provenance.get("compared_with", ""),
        hyperparameters=trained.hyperparameters,
        metrics=evaluation.metrics,
        headline=evaluation.headline,
        num_parameters=trained.num_parameters,
        fingerprint=release.fingerprint(folder),
        created=release.now(),
        versions={name: importlib.metadata.version(name) for name in ("estafet", "tensorflow", "keras")},
    )


def _registered(papers: Release, tracker: Tracker, folder: Path, contract: Contract) -> Release:
    about = ("model_version", "dataset_version", "recipe", "fingerprint", "headline")
    tags = {f"estafet.{key}": getattr(papers, key) for key in about if getattr(papers, key)}
    tags[f"estafet.{papers.headline}"] = f"{papers.headline_value:.6g}"
    model_id, version = registration.register(tracker, papers.name, folder, contract, tags)
    run_id = tracker.run_id if version else ""
    found = {"mlflow_model_id": model_id, "registered_version": version, "mlflow_run_id": run_id}
    tracker.log_metrics({"saved_model_mb": papers.size_bytes / 1e6, "verified_examples": papers.verified_examples})
    tracker.log_metrics(_metrics(papers.formats))
    return papers.model_copy(update=found)


def _metrics(formats: Sequence[Format]) -> dict[str, float]:
    metrics = {}
    for part in formats:
        if not part.problem:
            about = {"mb": part.size_bytes / 1e6, "max_difference": part.max_difference, "latency_ms": part.latency_ms}
            metrics |= {f"export/{part.name}/{key}": value for key, value in about.items() if value is not None}
    return metrics
