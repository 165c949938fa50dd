"""Specifications of small data sets, and tiny problems that no constant solves."""

from __future__ import annotations

import numpy as np
import pytest

from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema
from estafet.training.models import ModelSpec

LOOKBACK, HORIZON, SEASON = 16, 4, 8
SLOPE = 0.1


def number(name: str, mean: float = 0.0, std: float = 1.0, missing_share: float = 0.0) -> NumericFeature:
    """Return a numeric feature."""
    return NumericFeature(name=name, mean=mean, std=std, min=-9, max=9, missing_share=missing_share)


@pytest.fixture(scope="session")
def image_spec():
    """Make the specification of images of a height, width and number of channels, of three classes."""

    def make(*shape: int) -> ModelSpec:
        schema = Schema(label=Label(name="label", classes=("a", "b", "c")))
        return ModelSpec(Task.IMAGE_CLASSIFICATION, schema, image_shape=shape)

    return make


@pytest.fixture(scope="session")
def table_spec():
    """Make the specification of a table of two numbers, one of them sometimes missing, and a word."""

    def make(task: Task = Task.TABULAR_CLASSIFICATION) -> ModelSpec:
        numeric = (number("a"), number("b", missing_share=0.1))
        words = (CategoricalFeature(name="c", categories=("red", "green"), missing_share=0.1),)
        label = Label(name="l", classes=("no", "yes")) if task.is_classification else Label(name="l", mean=152, std=77)
        return ModelSpec(task, Schema(numeric=numeric, categorical=words, label=label))

    return make


@pytest.fixture(scope="session")
def series_spec() -> ModelSpec:
    """Two series, the first to be forecast, and the hour."""
    channels = (number("y", mean=30, std=15), number("z", mean=0, std=0.7))
    schema = Schema(numeric=channels, label=Label(name="y"), calendar=("hour",))
    return ModelSpec(Task.FORECASTING, schema, lookback=LOOKBACK, horizon=HORIZON, season=SEASON)


@pytest.fixture(scope="session")
def windows() -> tuple[np.ndarray, np.ndarray]:
    """Windows (N, lookback, channels) of a season on a rising trend, in their order in time, and what follows.

    One step in fifty is missing.
    """
    time = np.arange(420 + LOOKBACK + HORIZON)
    angle = 2 * np.pi * time / SEASON
    steps = np.stack([SLOPE * time + 10 * np.sin(angle), np.cos(angle), np.sin(angle), np.cos(angle)], axis=1)
    first = np.arange(420)[:, None]
    values_NLC = steps[first + np.arange(LOOKBACK)].astype(np.float32)
    follows_NH = steps[first + LOOKBACK + np.arange(HORIZON), 0].astype(np.float32)
    missing_NL = np.random.default_rng(0).random(values_NLC.shape[:2]) < 0.02
    values_NLC[missing_NL, 0] = np.nan
    return values_NLC, follows_NH


@pytest.fixture(scope="session")
def stripes() -> tuple[np.ndarray, np.ndarray]:
    """400 noisy grey images of 8 × 8 with level, upright or slanting stripes, and which (0, 1, 2).

    Every class has the same brightness everywhere in the mean.
    """
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:8, :8]
    kinds_N, phases_N = random.integers(0, 3, 400), 2 * np.pi * random.random(400)
    places_NHW = np.stack([rows, columns, rows + columns])[kinds_N]
    waves_NHW = np.sin(np.pi / 2 * places_NHW + phases_N[:, None, None])
    images_NHW = 127 + 60 * waves_NHW + random.normal(0, 20, (400, 8, 8))
    return images_NHW.clip(0, 255).astype(np.uint8)[..., None], kinds_N
