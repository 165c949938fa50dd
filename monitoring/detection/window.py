"""Judges one window: the requests that no earlier check has judged, against the reference of the served version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from estafet import request_log
from estafet.errors import DataError
from estafet.release import Contract
from estafet.runfile.monitor import Monitor
from estafet.runfile.tasks import Task
from monitoring.detection.baseline import Baseline, Profile, baseline_of
from monitoring.detection.columns import as_array, features, reference_columns, request_columns
from monitoring.detection.domain import domain_check
from monitoring.detection.drift import DATA_QUALITY, Check, compare, effect_floor, findings_among
from monitoring.detection.performance import performance_check
from monitoring.served import ServedVersion

if TYPE_CHECKING:
    import pyarrow as pa

TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Comparison:
    """A window beside the reference.

    Attributes:
        checks: All comparisons that were made.
        findings: Those that count, largest effect first.
        baselines: The reference, by column.
        profiles: The requests, by column.
        reference: The reference's values, by column.
        requests: The requests' values, by column.
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


def requests_to_judge(
    requests_dir: str | Path, served: ServedVersion, *, after_us: int | None, window_hours: float, now: datetime
) -> pa.Table:
    """Read the requests to a version in the last hours that come after the newest judged one, oldest first.

    Args:
        requests_dir: The request log.
        served: The served version.
        after_us: Time of the newest judged request in microseconds since 1970, or None.
        window_hours: Hours before `now` that count.
        now: A time with a zone.

    Raises:
        DataError: No request to the model was ever logged.
    """
    if next(request_log.part_files(requests_dir, served.model), None) is None:
        raise DataError(
            f"no request to '{served.model}' is logged in {requests_dir}.",
            hint="start the server with `estafet serve RUN.yaml` and send requests.",
        )
    since = now - timedelta(hours=window_hours)
    if after_us is not None:
        since = max(since, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=after_us) + TICK)
    return request_log.read(requests_dir, served.model, version=served.version, since=since, until=now + TICK)


def times_us(requests: pa.Table) -> np.ndarray:
    """Return the requests' times in microseconds since 1970, shape (N,)."""
    return requests[request_log.TS].cast("int64").to_numpy()


def judge(
    reference: pa.Table,
    requests: pa.Table,
    served: ServedVersion,
    settings: Monitor,
    known_labels: Mapping[str, str] = MappingProxyType({}),
) -> Comparison:
    """Compare requests with the reference.

    Args:
        reference: Held-out rows of the served version.
        requests: Rows of the request log.
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
    columns = request_columns(requests, contract)
    profiles = {name: baselines[name].profile(values_N) for name, values_N in columns.items() if name in baselines}
    checks = compare(baselines, profiles, floors)
    checks += _together(watched, columns, contract, findings_among(checks, settings.detect.alpha), settings)
    checks += _by_labels(reference, requests, contract, known_labels)
    return Comparison(checks, findings_among(checks, settings.detect.alpha), baselines, profiles, watched, columns)


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


def _by_labels(
    reference: pa.Table, requests: pa.Table, contract: Contract, known_labels: Mapping[str, str]
) -> list[Check]:
    """Compare the errors on the window's labelled requests with those on the reference."""
    ids = requests[request_log.REQUEST_ID].to_pylist()
    rows = [row for row, request in enumerate(ids) if request in known_labels]
    held_out = {name: as_array(reference[name]) for name in ("prediction", "label") if name in reference.column_names}
    if not rows or request_log.PREDICTION not in requests.column_names or contract.task is Task.FORECASTING:
        return []
    labels = np.array([known_labels[ids[row]] for row in rows], dtype=object)
    check = performance_check(contract.task, held_out, as_array(requests[request_log.PREDICTION])[rows], labels)
    return [check] if check else []
