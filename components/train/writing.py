"""What a training leaves: the model, what is known of it, and its curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.train import curves
from estafet.tracking import Tracker
from estafet.training import loop, models
from estafet.training.models import ModelSpec
from estafet.training.objectives import JUDGED_BY
from estafet.training.trained import CURVES_FILE, Trained, as_hyperparameters, count_parameters, save_model, version_of

if TYPE_CHECKING:
    import keras


def describe(
    outcome: loop.Outcome, spec: ModelSpec, build: str, hyperparameters: Mapping[str, Any], dataset_version: str
) -> Trained:
    """Return what is known of a training that has ended."""
    begun_with = outcome.decisions.get("batch", {})  # what `batch: auto` chose
    hyperparameters = {
        **hyperparameters,
        "batch_size": begun_with.get("start", hyperparameters["batch_size"]),
        "learning_rate": begun_with.get("learning_rate", hyperparameters["learning_rate"]),
    }
    return Trained(
        version=version_of(outcome.weights),
        task=spec.task,
        build=build,
        hyperparameters=as_hyperparameters(hyperparameters),
        dataset_version=dataset_version,
        num_parameters=count_parameters(outcome.weights),
        epochs=len(outcome.history),
        epoch=outcome.epoch + 1,
        judged_by=JUDGED_BY[spec.task],
        history=outcome.history,
        devices=outcome.devices,
        num_replicas=outcome.num_replicas,
        decisions={name: found["why"] for name, found in outcome.decisions.items() if found["why"]},
    )


def rebuilt(outcome: loop.Outcome, spec: ModelSpec, build: str, hyperparameters: Mapping[str, Any]) -> keras.Model:
    """Return the trained model, built anew: outside any strategy, in float32, and without an optimiser."""
    model = models.build(spec, build, hyperparameters)
    model.set_weights(outcome.weights)
    return model


def write(model: keras.Model, trained: Trained, folder: Path) -> None:
    """Write a model, its curves and, last, what is known of it into its folder."""
    save_model(model, folder)
    curves.plot(trained, folder / CURVES_FILE)
    trained.save(folder)


def track(trained: Trained, folder: Path, tracker: Tracker) -> None:
    """Tell the tracker what is known of a model that is written."""
    tracker.log_parameters(
        {
            "hyperparameters": trained.hyperparameters,
            "num_parameters": trained.num_parameters,
            "num_replicas": trained.num_replicas,
            "trained_on": trained.devices,
            "decisions": trained.decisions,
            "dataset_version": trained.dataset_version,
            "model_version": trained.version,
        }
    )
    tracker.log_file(folder / CURVES_FILE)
