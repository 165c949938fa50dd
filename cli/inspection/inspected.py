"""A data set that has been read back, and whether it is what its manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.inspection.examples import Times
from cli.inspection.leaks import Leak
from cli.inspection.shards import Part, ShardCheck
from estafet.records.manifest import Manifest
from estafet.runfile.tasks import Task


@dataclass(frozen=True)
class Inspected:
    """A data set that has been read back.

    Attributes:
        folder: Where it is.
        manifest: What it says of itself.
        parts: What its shards hold.
        checks: What came of reading each shard.
        leak: What its parts have in common; None where a broken shard leaves that open.
        times: Says the times of steps in words.
    """

    folder: Path
    manifest: Manifest
    parts: list[Part]
    checks: list[ShardCheck]
    leak: Leak | None
    times: Times

    @property
    def is_series(self) -> bool:
        """Whether the examples are windows."""
        return self.manifest.task == Task.FORECASTING

    @property
    def what(self) -> str:
        """What is counted as a leak, in words."""
        if self.is_series:
            return "training windows sharing a step with another split"
        return f"{'images' if self.manifest.image_shape else 'examples'} that are also in another split"

    @property
    def promised(self) -> int:
        """What the manifest says that the parts have in common."""
        overlap = self.manifest.overlap
        return (overlap.windows or 0) if self.is_series else overlap.examples

    @property
    def problems(self) -> list[str]:
        """What makes the data set another one than its manifest says, in words."""
        found = [
            f"the shard '{self.folder / check.shard.file}' {check.problem}" for check in self.checks if check.problem
        ]
        if self.leak and self.leak.num_shared != self.promised:
            found.append(
                f"the shards hold {self.leak.num_shared:,} {self.what}, and the manifest says {self.promised:,}: "
                f"{'; '.join(self.leak.first) or 'none'}"
            )
        for part in self.parts:
            if part.class_counts and tuple(part.class_counts) != part.split.class_counts and not found:
                found.append(f"{part.name} holds {part.class_counts} of its classes, not {part.split.class_counts}")
        return found
