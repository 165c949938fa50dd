"""What `train.tensorboard` writes can be read back: each epoch's values, with the schedule's."""

from __future__ import annotations

import pytest
import tensorflow as tf

from estafet.records.manifest import Manifest
from estafet.training import feeding, loop
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.models import ModelSpec


def _scalars(folder) -> dict[str, dict[int, float]]:
    """Read all event files of a folder: for each name, the value at each step."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tag.startswith("epoch_"):
                    found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return found


@pytest.mark.slow
def test_tensorboard_shows_each_epochs_values_with_batch_size_and_learning_rate(table, tmp_path):
    spec = ModelSpec.from_manifest(Manifest.load(table))
    schedule = BatchSchedule(50, 100, boundaries=(2,), learning_rate_rule="linear")
    plan = loop.Plan(3, schedule, learning_rate=0.01, tensorboard=str(tmp_path / "tensorboard"))

    history = loop.fit(
        spec, "default", {}, feeding.load(table, "train"), feeding.load(table, "validation"), plan
    ).history

    train, validation = (_scalars(tmp_path / "tensorboard" / name) for name in ("train", "validation"))
    assert train["epoch_batch_size"] == {0: 50, 1: 50, 2: 100}
    assert train["epoch_learning_rate"] == pytest.approx({0: 0.01, 1: 0.01, 2: 0.02})
    for name in ("loss", "log_loss", "accuracy"):
        assert train[f"epoch_{name}"] == pytest.approx({i: epoch[name] for i, epoch in enumerate(history)})
        assert validation[f"epoch_{name}"] == pytest.approx(
            {i: epoch[f"val_{name}"] for i, epoch in enumerate(history)}
        )
