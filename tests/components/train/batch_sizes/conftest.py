"""Trainings as they would have been measured, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from components.train.batch_sizes.measured import Measured


@pytest.fixture
def ran() -> Callable[..., Measured]:
    """Make a training from its log loss and its seconds of each epoch."""

    def make(
        name: str, losses: Sequence[float], seconds: Sequence[float], kind: str = "fixed", sizes=None, **more
    ) -> Measured:
        sizes = sizes or [64] * len(losses)
        history = [
            {"loss": loss, "val_loss": loss, "val_log_loss": loss, "val_accuracy": 1 - loss, "batch_size": size}
            | {"learning_rate": 0.001, "seconds": s}
            for loss, s, size in zip(losses, seconds, sizes, strict=True)
        ]
        usual = {"cpu_s": [2 * s for s in seconds], "num_examples": 600, "peak_mb": 700.0}
        return Measured(name, kind, 0.001, history, **{**usual, **more})

    return make


@pytest.fixture
def three(ran) -> list[Measured]:
    """32 reaches 0.3 after 8 s, 128 after 3 s, and the schedule after 5 s."""
    return [
        ran("32", [0.6, 0.3, 0.28], [4.0, 4.0, 4.0]),
        ran("128", [0.8, 0.5, 0.3], [1.0, 1.0, 1.0]),
        ran("32 → 128", [0.6, 0.29, 0.25], [4.0, 1.0, 1.0], "schedule", [32, 128, 128]),
    ]
