"""What a worker's process is told: which function makes its search, and of what, as a JSON file."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.tune.running.search import Search


@dataclass(frozen=True)
class Job:
    """How any process comes to the same search.

    Attributes:
        maker: `module:function`; the function takes `about` and the worker's index, and returns its `Search`.
        about: What the function needs to know, as JSON values.
    """

    maker: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def search(self, worker: int = 0) -> Search:
        """Make the search of one worker: the same study for all, a sampler with a seed of its own for each."""
        module, _, name = self.maker.partition(":")
        return getattr(importlib.import_module(module), name)(self.about, worker)

    def save(self, path: Path) -> None:
        """Write it to a file that only this user may read."""
        path.touch(mode=0o600)
        path.write_text(json.dumps({"maker": self.maker, "about": dict(self.about)}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
