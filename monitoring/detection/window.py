"""Judges one window: the requests that no earlier check has judged, against the reference of the served version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from estafet import request_log
from estafet.errors import DataError
from estafet.release import Contract
from estafet.runfile.monitor import Monitor
from estafet.runfile.tasks import Task
from monitoring.detection.baseline import Baseline, Profile, baseline_of
from monitoring.detection.columns import MAX_DESCRIBED, as_array, features, reference_columns, request_columns
from monitoring.detection.domain import domain_check
from monitoring.detection.drift import DATA_QUALITY, Check, compare, effect_floor, findings_among
from monitoring.detection.performance import performance_check
from monitoring.detection.windows import Window
from monitoring.served import ServedVersion

if TYPE_CHECKING:
    import pyarrow as pa

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Comparison:
    """A window beside the reference.

    Attributes:
        checks: All comparisons that were made.
        findings: Those that count, largest effect first.
        baselines: The reference, by column.
        profiles: The requests, by column.
        reference: The reference's values, by column.
        requests: The requests' values, by column: a sample where there are many, spread evenly over the window.
    """

    checks: list[Check]
    findings: list[Check]
    baselines: dict[str, Baseline]
    profiles: dict[str, Profile]
    reference: dict[str, np.ndarray]
    requests: dict[str, np.ndarray]

    @property
    def max_effect(self) -> float:
        """The largest effect that counts, or 0 where none does."""
        return max((finding.effect for finding in self.findings), default=0.0)


def judge(
    reference: pa.Table,
    window: Window,
    served: ServedVersion,
    settings: Monitor,
    known_labels: Mapping[str, str] = NO_LABELS,
) -> Comparison:
    """Compare requests with the reference.

    Args:
        reference: Held-out rows of the served version.
        window: The requests.
        served: The served version.
        settings: The run file's `monitor` section.
        known_labels: The labels that arrived, by request id.

    Raises:
        DataError: Nothing in the reference can be compared.
    """
    contract = served.contract
    known = {part.name: part.categories for part in contract.data_schema.categorical}
    watched = reference_columns(reference, contract)
    if not watched:
        raise DataError(
            f"the reference of version {served.version} of '{served.model}' has no column that can be compared "
            f"(it has {', '.join(reference.column_names)}).",
            hint="run `estafet run RUN.yaml` again; evaluate writes the reference.",
        )
    baselines = {name: baseline_of(values_N, known.get(name, ())) for name, values_N in watched.items()}
    floors = {
        name: effect_floor(baselines[name], values_N, settings.detect.min_effect, settings.window.min_rows)
        for name, values_N in watched.items()
    }
    gone_through = _GoneThrough(contract, baselines, window.num_rows, settings.detect.report_rows, known_labels)
    for part in window.parts():
        gone_through.add(part)
    profiles, sample = gone_through.profiles(), gone_through.sample()
    checks = compare(baselines, profiles, floors)
    checks += _together(watched, sample, contract, findings_among(checks, settings.detect.alpha), settings)
    checks += _by_labels(reference, gone_through.answers, contract.task)
    return Comparison(checks, findings_among(checks, settings.detect.alpha), baselines, profiles, watched, sample)


class _GoneThrough:
    """What is kept of a window's parts: profiles that add up, a sample, and the answers that have a label.

    Attributes:
        answers: Prediction and label of each labelled request.
    """

    def __init__(
        self,
        contract: Contract,
        baselines: Mapping[str, Baseline],
        num_rows: int,
        num_sampled: int,
        known_labels: Mapping[str, str],
    ):
        self._contract, self._baselines, self._known_labels = contract, baselines, known_labels
        self._share = min(1.0, num_sampled / max(1, num_rows))
        self._described_share = min(1.0, MAX_DESCRIBED / max(1, num_rows))
        self._profiles: dict[str, Profile] = {}
        self._samples: list[dict[str, np.ndarray]] = []
        self._num_rows = 0
        self.answers: list[tuple[object, str]] = []

    def add(self, part: pa.Table) -> None:
        """Go through one part."""
        if part.num_rows == 0:
            return
        self._num_rows += part.num_rows
        columns = request_columns(part, self._contract, max(1, round(self._described_share * part.num_rows)))
        for name, values_N in columns.items():
            if name in self._baselines:
                profile = self._baselines[name].profile(values_N)
                self._profiles[name] = self._profiles[name] + profile if name in self._profiles else profile
        self._samples.append({name: _evenly(values_N, self._share) for name, values_N in columns.items()})
        self._collect_labelled(part)

    def profiles(self) -> dict[str, Profile]:
        """Return the profile of each column; where a part lacks a column that others have, its rows are missing."""
        if self._contract.task is Task.IMAGE_CLASSIFICATION:  # of whose columns some are those of a sample
            return self._profiles
        return {name: _filled_up(profile, self._num_rows) for name, profile in self._profiles.items()}

    def sample(self) -> dict[str, np.ndarray]:
        """Return the sampled rows of each column that every part has."""
        if not self._samples:
            return {}
        names = set.intersection(*(set(part) for part in self._samples))
        return {
            name: np.concatenate([part[name] for part in self._samples]) for name in self._samples[0] if name in names
        }

    def _collect_labelled(self, part: pa.Table) -> None:
        if not self._known_labels or not {request_log.REQUEST_ID, request_log.PREDICTION} <= set(part.column_names):
            return
        ids = part[request_log.REQUEST_ID].to_pylist()
        rows = [row for row, request in enumerate(ids) if request in self._known_labels]
        if rows and self._contract.task is not Task.FORECASTING:
            answers = as_array(part[request_log.PREDICTION].take(rows))
            self.answers += zip(answers, (self._known_labels[ids[row]] for row in rows), strict=True)


def _filled_up(profile: Profile, num_rows: int) -> Profile:
    num_absent = num_rows - profile.num_rows
    if num_absent <= 0:
        return profile
    return profile + Profile(num_absent, np.zeros_like(profile.counts), num_missing=num_absent)


def _evenly(values_N: np.ndarray, share: float) -> np.ndarray:
    if share >= 1:
        return values_N
    count = max(1, round(share * len(values_N)))
    return values_N[np.unique(np.linspace(0, len(values_N) - 1, count).astype(np.int64))]


def _together(
    reference: Mapping[str, np.ndarray],
    requests: Mapping[str, np.ndarray],
    contract: Contract,
    found: Sequence[Check],
    settings: Monitor,
) -> list[Check]:
    """Compare the features together; one that is found broken by itself is left out."""
    if not settings.detect.domain or contract.task is Task.FORECASTING:
        return []
    names = features(contract)
    broken = {check.column for check in found if check.kind == DATA_QUALITY}
    before = {name: reference[name] for name in names if name in reference}
    check = domain_check(before, {name: requests[name] for name in names if name in requests}, broken)
    return [check] if check else []


def _by_labels(reference: pa.Table, answers: Sequence[tuple[object, str]], task: Task) -> list[Check]:
    """Compare the errors on the window's labelled requests with those on the reference."""
    if not answers or task is Task.FORECASTING:
        return []
    held_out = {name: as_array(reference[name]) for name in ("prediction", "label") if name in reference.column_names}
    told, labels = (np.array(values) for values in zip(*answers, strict=True))
    check = performance_check(task, held_out, told, labels.astype(object))
    return [check] if check else []
