"""Claim: hardly a window without drift raises an alarm, and each kind of drift opens an incident within three windows.

Windows of 1,000 requests with 20 features are judged against 5,000 held-out rows by the code that `estafet monitor
check` runs, and the policy decides with its defaults. Without drift, but with each number's mean moved by 0.03 standard
deviations to and fro: 1,000 windows of a table (16 numbers, 4 categories, a classifier's answers) and 1,000 of a
seasonal series of 20 channels. With drift, for each kind 60 times three windows of the table, with the same wiggle.
Evidently's DataDriftPreset judges 40 of the windows without drift, with both of its verdicts: half of the columns, and
any column.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pyarrow as pa
from claim import conclude, parse

from estafet.records.manifest import WindowSpec
from estafet.release import Contract
from estafet.runfile.monitor import Monitor
from estafet.runfile.tasks import Task
from estafet.schema import CategoricalFeature, Label, NumericFeature, Schema
from monitoring.detection.window import judge
from monitoring.detection.windows import Window
from monitoring.incidents import policy
from monitoring.incidents.policy import Judgement, Telling
from monitoring.incidents.state import JudgedWindow, MonitorState
from monitoring.incidents.verdict import status_of
from monitoring.served import ServedVersion

NUM_NUMBERS, NUM_WORDS, NUM_REFERENCE, NUM_ROWS = 16, 4, 5000, 1000
WIGGLE = 0.03
WORDS = np.array(["north", "east", "south", "west", "centre"], dtype=object)
SEASON, LOOKBACK, NUM_CHANNELS = 24, 26, 20
START_US = 1_700_000_000_000_000
MAX_ALERTS, MAX_INCIDENTS, MIN_POWER, MIN_SMALLEST = 0.005, 0.001, 0.95, 0.85


@dataclass(frozen=True)
class Scale:
    """How much is measured: windows without drift of each kind of data, repeats of each drift, windows of Evidently."""

    windows: int
    repeats: int
    evidently: int


FULL, QUICK = Scale(1000, 60, 40), Scale(40, 10, 5)


class Table:
    """Requests to a classifier, from a source with dependent numbers and with categories."""

    task = Task.TABULAR_CLASSIFICATION

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    @staticmethod
    def contract() -> Contract:
        """Return what the classifier takes and gives."""
        numbers = [
            NumericFeature(name=f"n{i}", mean=0, std=1, min=-9, max=9, missing_share=0) for i in range(NUM_NUMBERS)
        ]
        words = [CategoricalFeature(name=f"w{i}", categories=tuple(WORDS), missing_share=0) for i in range(NUM_WORDS)]
        label = Label(name="label", classes=("no", "yes"))
        return Contract(
            task=Table.task, data_schema=Schema(numeric=tuple(numbers), categorical=tuple(words), label=label)
        )

    def rows(self, count: int, drift: str = "", *, wiggle: bool = True) -> dict[str, np.ndarray]:
        """Draw rows; the first two numbers have a correlation of 0.8, the third is skewed, the fourth a count."""
        rng = self.rng
        turned = -0.8 if drift == "covariance" else 0.8
        numbers = rng.normal(size=(count, NUM_NUMBERS))
        numbers[:, 1] = turned * numbers[:, 0] + np.sqrt(1 - turned**2) * numbers[:, 1]
        if wiggle:
            numbers += WIGGLE * rng.choice([-1, 1], NUM_NUMBERS)
        if drift == "half_sigma_in_one":
            numbers[:, 5] += 0.5
        if drift == "quarter_sigma_in_one":
            numbers[:, 5] += 0.25
        if drift == "quarter_sigma_in_all":
            numbers += 0.25
        score = numbers[:, 0] + numbers[:, 4] - numbers[:, 5]
        columns = {f"n{i}": numbers[:, i].copy() for i in range(NUM_NUMBERS)}
        columns["n2"], columns["n3"] = np.exp(numbers[:, 2]), np.floor(2 * numbers[:, 3] + 8)
        if drift == "missing":
            columns["n6"][rng.random(count) < 0.1] = np.nan
        for i in range(NUM_WORDS):
            shares = [0.4, 0.15, 0.15, 0.15, 0.15] if drift == "category_doubled" and i == 0 else [0.2] * len(WORDS)
            columns[f"w{i}"] = rng.choice(WORDS, count, p=shares)
        probability = 1 / (1 + np.exp(-3 * score))
        columns["prediction"] = np.where(probability > 0.5, "yes", "no").astype(object)
        columns["confidence"] = np.maximum(probability, 1 - probability)
        columns["label"] = np.where(rng.random(count) < probability, "yes", "no").astype(object)
        if drift == "labels_flipped":
            flipped = rng.random(count) < 0.1
            columns["label"][flipped] = np.where(columns["label"][flipped] == "yes", "no", "yes")
        return columns


class Series:
    """Requests to a forecaster: the last 26 hours of 20 channels with a season of a day and noise that lasts."""

    task = Task.FORECASTING

    def __init__(self, seed: int):
        self.rng, self.hour = np.random.default_rng(seed), 0
        self.phases = self.rng.random(NUM_CHANNELS) * 2 * np.pi
        self.noise = np.zeros(NUM_CHANNELS)

    @staticmethod
    def contract() -> Contract:
        """Return what the forecaster takes and gives."""
        numbers = [
            NumericFeature(name=f"s{i}", mean=0, std=1, min=-9, max=9, missing_share=0) for i in range(NUM_CHANNELS)
        ]
        window = WindowSpec(lookback=LOOKBACK, horizon=1, stride=1, season=SEASON)
        return Contract(
            task=Series.task, data_schema=Schema(numeric=tuple(numbers), label=Label(name="s0")), window=window
        )

    def rows(self, count: int, drift: str = "", *, wiggle: bool = True) -> dict[str, np.ndarray]:
        """Go on with the series, hour by hour."""
        hours = self.hour + np.arange(count + LOOKBACK)
        shocks = self.rng.normal(size=(len(hours), NUM_CHANNELS))
        values = np.empty_like(shocks)
        for step, shock in enumerate(shocks):
            self.noise = 0.7 * self.noise + shock
            values[step] = self.noise
        values += 3 * np.sin(2 * np.pi * hours[:, None] / SEASON + self.phases)
        if wiggle:
            values += WIGGLE * self.rng.choice([-1, 1], NUM_CHANNELS)
        self.hour += count
        pasts = np.lib.stride_tricks.sliding_window_view(values, LOOKBACK, axis=0)[:count].transpose(0, 2, 1)
        forecasts = 0.7 * (values[LOOKBACK - 1 : -1, 0])
        return {"values": pasts.reshape(count, -1).astype(np.float32), "prediction": forecasts}


KINDS = {"table": Table, "series": Series}
DRIFTS = (
    "half_sigma_in_one", "quarter_sigma_in_one", "quarter_sigma_in_all", "category_doubled", "missing", "covariance",
    "labels_flipped",
)  # fmt: skip


class Monitored:
    """A served version with its reference, and a monitor without a past."""

    def __init__(self, kind: str, seed: int, folder: Path):
        self.source = KINDS[kind](seed)
        contract = self.source.contract()
        contract.save(folder)
        self.served = ServedVersion("m", 1, folder)
        self.reference = as_table(self.source.rows(NUM_REFERENCE, wiggle=False))
        self.state, self.last_us, self.num_rows = MonitorState(folder / "state"), None, 0

    def look(self, drift: str = "") -> tuple[bool, bool]:
        """Judge the next window: whether it has findings, and whether it opens an incident."""
        rows = self.source.rows(NUM_ROWS, drift)
        labels = rows.pop("label", None)
        ids = [str(self.num_rows + number) for number in range(NUM_ROWS)]
        known = dict(zip(ids, labels, strict=True)) if labels is not None and drift == "labels_flipped" else {}
        requests = as_table({"request_id": np.array(ids, dtype=object), **rows})
        settings = Monitor()
        found = judge(self.reference, Window.of_table(requests), self.served, settings, known)
        self.num_rows += NUM_ROWS
        now_us = START_US + self.num_rows * 1_000_000
        window = JudgedWindow(now_us - 1, now_us, NUM_ROWS, status_of(found.findings), found.max_effect)
        judged = Judgement("m", 1, window, found.findings, self.last_us)
        change = policy.record(self.state, judged, settings, Telling(), now_s=now_us / 1e6)
        self.last_us = now_us
        return bool(found.findings), change.opened


def as_table(rows: Mapping[str, np.ndarray]) -> pa.Table:
    """Return rows as the request log has them."""
    return pa.table({name: pa.array(list(values) if values.ndim > 1 else values) for name, values in rows.items()})


def quiet(kind: str, seed: int, num_windows: int) -> tuple[int, int]:
    """Return how many windows without drift have findings, and how many open an incident."""
    with tempfile.TemporaryDirectory() as folder:
        monitored = Monitored(kind, seed, Path(folder))
        found = [monitored.look() for _ in range(num_windows)]
    return sum(alerted for alerted, _ in found), sum(opened for _, opened in found)


def noticed(drift: str, seed: int) -> bool:
    """Tell whether three windows with a drift open an incident."""
    with tempfile.TemporaryDirectory() as folder:
        monitored = Monitored("table", seed, Path(folder))
        return any(monitored.look(drift)[1] for _ in range(3))


def evidently_alarms(num_windows: int, seed: int = 0) -> dict[str, float]:
    """Return the shares of windows without drift for which Evidently's preset calls out, by its two verdicts."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    source = Table(seed)
    left_out = ("label",)
    reference = pd.DataFrame({k: v for k, v in source.rows(NUM_REFERENCE, wiggle=False).items() if k not in left_out})
    half = anything = 0
    for _ in range(num_windows):
        requests = pd.DataFrame({k: v for k, v in source.rows(NUM_ROWS).items() if k not in left_out})
        found = Report([DataDriftPreset()]).run(requests, reference).dict()["metrics"][0]["value"]
        half, anything = half + (found["share"] >= 0.5), anything + (found["count"] > 0)
    return {"half_of_the_columns": half / num_windows, "any_column": anything / num_windows}


def main() -> None:
    """Measure, on all processors, and compare with the bars."""
    scale = QUICK if parse(__doc__ or "").quick else FULL
    per_task = max(1, scale.windows // 20)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context) as processes:
        silent = {
            kind: [processes.submit(quiet, kind, seed, per_task) for seed in range(scale.windows // per_task)]
            for kind in KINDS
        }
        loud = {drift: [processes.submit(noticed, drift, 100 + s) for s in range(scale.repeats)] for drift in DRIFTS}
        theirs = processes.submit(evidently_alarms, scale.evidently)
        value: dict[str, float] = {}
        for kind, futures in silent.items():
            counts = np.sum([future.result() for future in futures], axis=0) / scale.windows
            value[f"{kind}_alerts"], value[f"{kind}_incidents"] = (round(float(count), 5) for count in counts)
            told = f"{counts[0]:.2%} of {scale.windows} windows alert, {counts[1]:.2%} open an incident"
            print(f"without drift, {kind}: {told}", flush=True)
        for drift, futures in loud.items():
            value[drift] = round(float(np.mean([future.result() for future in futures])), 4)
            print(f"{drift}: an incident within 3 windows in {value[drift]:.0%} of {scale.repeats}", flush=True)
        for verdict, share in theirs.result().items():
            value[f"evidently_{verdict}"] = share
            print(f"Evidently, {verdict}: {share:.1%} of {scale.evidently} windows without drift")
    bars: dict[str, Callable[[float], bool]] = {}
    goal: dict[str, float] = {}
    for kind in KINDS:
        goal |= {f"{kind}_alerts": MAX_ALERTS, f"{kind}_incidents": MAX_INCIDENTS}
        bars |= {f"{kind}_alerts": lambda x: x <= MAX_ALERTS, f"{kind}_incidents": lambda x: x <= MAX_INCIDENTS}
    for drift in DRIFTS:
        goal[drift] = MIN_SMALLEST if drift == "quarter_sigma_in_one" else MIN_POWER
        bars[drift] = lambda x, least=goal[drift]: x >= least
    holds = all(holds_for(value[name]) for name, holds_for in bars.items())
    conclude("no alarm without drift, and every drift within three windows", value, goal, holds)


if __name__ == "__main__":
    main()
