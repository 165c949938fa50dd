"""What a pipeline run is started with: each step's settings, and fingerprints of the code and data behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estafet.errors import ConfigError, DataError
from estafet.provenance import CodeFingerprint, SourceFingerprint, fingerprint, fingerprint_code, fingerprint_sources
from estafet.release import Release
from estafet.runfile import LoadedRunFile
from estafet.runfile.steps import settings_for
from estafet.runfile.study_storage import SQLITE
from estafet.source_schema import SourceSchema
from estafet.tracking import without_credentials
from estafet.versions import newest_version
from pipelines.earlier_study import read_earlier_study
from pipelines.training import CACHED_STEPS

STEPS_WITH_MODEL_CODE = ("tune", "train", "evaluate", "export")


@dataclass(frozen=True)
class TrainingArguments:
    """The arguments of a training run, and what its fingerprints were made from.

    Attributes:
        values: The pipeline's arguments.
        code: Fingerprint of each cached step's code, by step.
        sources: Fingerprint of the source files.
    """

    values: Mapping[str, Any]
    code: Mapping[str, CodeFingerprint]
    sources: SourceFingerprint


def training_arguments(loaded: LoadedRunFile, tracking_uri: str) -> TrainingArguments:
    """Make the arguments of a training run; no data are read, only listed.

    Args:
        loaded: The run file.
        tracking_uri: The MLflow store in which versions are registered.

    Raises:
        ConfigError: The file that `data.schema_file` names is missing or wrong.
    """
    run = loaded.run
    user_module, colon, _ = run.model.build.partition(":")
    code = {
        step: fingerprint_code(
            f"components.{step}.step",
            user_module=user_module if colon and step in STEPS_WITH_MODEL_CODE else "",
            user_folder=loaded.folder,
        )
        for step in CACHED_STEPS
    }
    labels = [loaded.absolute(run.data.labels)] if run.data.labels else []
    sources = fingerprint_sources((*loaded.sources, *labels))
    settings = {step: settings_for(step, run) for step in (*CACHED_STEPS, "deploy")}
    settings["ingest"] |= {"source": list(loaded.sources), **({"labels": labels[0]} if labels else {})}
    settings["ingest"] |= _pinned_schema(loaded)
    settings["ingest"].pop("schema_file", None)
    settings["tune"] = _with_what_tuning_needs(loaded, settings["tune"])
    made_from = [settings["ingest"], sources.digest, settings["train"], code["ingest"].digest, code["train"].digest]
    if run.tune.enabled:
        made_from += [settings["tune"], code["tune"].digest]
    recipe = fingerprint(*made_from)
    # What is served from a bucket cannot be scored where `evaluate` runs: it says that there is no champion.
    compares = run.evaluate.compare_with_champion and "://" not in loaded.models_address
    champion = _champion(loaded.models_dir / run.name, recipe) if compares else ""
    values: dict[str, Any] = {
        "name": run.name,
        "notify": run.notify.model_dump(mode="json", exclude_none=True),
        "source_fingerprint": sources.digest,
        "recipe": recipe,
        "champion": champion,
        "champion_fingerprint": _fingerprint_of(champion),
        "registry": fingerprint(without_credentials(tracking_uri)),
        "models_dir": loaded.models_address,
    }
    values |= {f"{step}_settings": chosen for step, chosen in settings.items()}
    values |= {f"{step}_code": found.digest for step, found in code.items()}
    return TrainingArguments(values, code, sources)


def _pinned_schema(loaded: LoadedRunFile) -> dict[str, Any]:
    """Return the contents of the pinned schema, if there is one: where `ingest` runs, the file may not be."""
    if loaded.run.data.schema_file is None:
        return {}
    path = loaded.absolute(loaded.run.data.schema_file)
    if "://" in path:
        raise ConfigError(
            f"data.schema_file must be a file on this machine, and is '{path}'.", hint="copy it beside the run file."
        )
    schema = SourceSchema.load(path)
    return {"expected": schema.model_dump(mode="json", exclude_none=True)}


def _with_what_tuning_needs(loaded: LoadedRunFile, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `tune` with the earlier study's trials in place of its path, and a path that holds."""
    told = {key: value for key, value in settings.items() if key != "warm_start"}
    if (path := loaded.run.tune.warm_start) and loaded.run.tune.enabled:
        told["earlier"] = read_earlier_study(loaded.absolute(path)).model_dump(mode="json")
    if (storage := loaded.run.tune.storage) and storage.startswith(SQLITE):
        told["storage"] = f"{SQLITE}{loaded.absolute(storage.removeprefix(SQLITE))}"
    return told


def _fingerprint_of(champion: str) -> str:
    """Return the fingerprint of a served version: another model may stand at the same path later."""
    if not champion:
        return ""
    try:
        return Release.load(champion).fingerprint
    except DataError:  # it is gone, or not one of ours
        return "unknown"


def monitoring_arguments(loaded: LoadedRunFile) -> dict[str, Any]:
    """Make the arguments of a monitoring run.

    Args:
        loaded: The run file.
    """
    run = loaded.run
    settings = settings_for("detect_drift", run)
    if run.monitor.labels:
        settings["labels"] = loaded.absolute(run.monitor.labels)
    for receiver in settings["alerts"]:
        if "path" in receiver:
            receiver["path"] = loaded.absolute(receiver["path"])
    return {
        "name": run.name,
        "notify": run.notify.model_dump(mode="json", exclude_none=True),
        "models_dir": str(loaded.models_dir),
        "requests_dir": str(loaded.workspace / "requests"),
        "state_dir": str(loaded.workspace / "monitor" / run.name),
        "run_file": str(loaded.path),
        "overrides": list(loaded.overrides),
        "profile": loaded.profile or "",
        "detect_drift_settings": settings,
    }


def _champion(served: Path, recipe: str) -> str:
    """Return the folder of the version to compare a candidate with; empty where there is none.

    A model is never compared with itself: where the newest version was made by this very recipe, the candidate is
    compared with what that version was compared with, which is also what lets an identical run reuse everything.
    """
    newest = newest_version(served)
    if newest is None:
        return ""
    try:
        release = Release.load(newest[1])
    except DataError:  # not one of ours; evaluate says that it cannot be compared
        return str(newest[1])
    return release.compared_with if release.recipe == recipe else str(newest[1])
