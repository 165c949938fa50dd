"""What is wrong with raw data, counted by column and kind; nothing is left out for it, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from components.ingest.batches import Batch, Problem
from estafet.records.manifest import Anomaly, AnomalyKind, BadExample

FIRST = 5


@dataclass
class _Found:
    count: int = 0
    first: list[BadExample] = field(default_factory=list)


class Problems:
    """Counts what is wrong, and keeps the first five cases of each kind."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, AnomalyKind], _Found] = {}

    def take(self, batch: Batch, more: Sequence[Problem] = ()) -> None:
        """Count what the reader and the validator found in a batch."""
        for problem in (*batch.problems, *more):
            found = self._of(problem.column, problem.kind)
            found.count += len(problem.rows)
            for i, row in enumerate(problem.rows[: FIRST - len(found.first)].tolist()):
                found.first.append(BadExample(where=batch.where(row), reason=problem.reason(i)))
        for line in batch.lines:
            self.example(line.where, line.kind, line.reason)

    def example(
        self, where: str, kind: AnomalyKind, reason: str, *, column: str = "", content: bytes | None = None,
        file_name: str = "", unusable: bool = False,
    ) -> bool:  # fmt: skip
        """Count an image or a line; the arguments are those of `Anomalies`, in whose place this may stand."""
        found = self._of(column, kind)
        found.count += 1
        if len(found.first) < FIRST:
            found.first.append(BadExample(where=where, reason=reason))
        return not unusable

    def sorted(self) -> tuple[Anomaly, ...]:
        """Return what was found, the most frequent first."""
        anomalies = [
            Anomaly(column=column, kind=kind, count=found.count, first=tuple(found.first))
            for (column, kind), found in self._found.items()
        ]
        return tuple(sorted(anomalies, key=lambda anomaly: -anomaly.count))

    def _of(self, column: str, kind: AnomalyKind) -> _Found:
        return self._found.setdefault((column, kind), _Found())


def rows_of(anomalies: Sequence[Anomaly], whole: str = "(whole row)") -> tuple[dict[str, object], ...]:
    """Return a row to show for each way in which data are not as they should be."""
    return tuple(
        {
            "column": anomaly.column or whole,
            "kind": anomaly.kind.replace("_", " "),
            "count": anomaly.count,
            "first": "; ".join(f"{bad.where}: {bad.reason}" for bad in anomaly.first),
        }
        for anomaly in anomalies
    )
