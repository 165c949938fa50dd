"""Members that see some of the features: which ones, the data they learn from, and the model that takes all of them.

A member is built for a data set that has its features only, so it is smaller than one that would get the others as
missing, and a user's own model needs no care for values that its data never lack.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from estafet.errors import ConfigError
from estafet.runfile.tasks import Task
from estafet.training.feeding import EVALUATION_BATCH_SIZE, ONE, Position, Replicas, Source
from estafet.training.models import ModelSpec

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Columns = Mapping[str, Sequence[int]]
"""For each input that is taken, which entries of its last axis."""


def draw(spec: ModelSpec, share: float, num_members: int, seed: int) -> list[tuple[str, ...]]:
    """Return the features that each member sees, by name, in the schema's order.

    Those come first that fewer members have seen, so all are seen equally often, give or take one. What is forecast
    is seen by all.

    Args:
        spec: The features; for forecasting its channels.
        share: Share of the features that a member sees, above 0 and below 1; at least one, and not all.
        num_members: Number of members.
        seed: Seed of the draw.

    Raises:
        ConfigError: There are no features that could be left out.

    Source:
        Ho, "The random subspace method for constructing decision forests", 1998; here with balanced counts.
    """
    always, free = _features(spec)
    if len(always) + len(free) < 2:
        raise ConfigError(
            f"train.ensemble is by features, and this data set has {len(always) + len(free)} that could be left out "
            "or kept.",
            hint="take by: seed or by: folds.",
        )
    total = len(always) + len(free)
    num_seen = min(total - 1, max(1, round(share * total))) - len(always)
    generator, seen_by = random.Random(seed), Counter()
    drawn = []
    for _ in range(num_members):
        ranked = sorted(free, key=lambda name: (seen_by[name], generator.random()))
        chosen = set(ranked[: max(0, num_seen)])
        seen_by.update(chosen)
        drawn.append(tuple(name for name in [*always, *free] if name in chosen or name in always))
    return drawn


def _features(spec: ModelSpec) -> tuple[list[str], list[str]]:
    """Return the features that every member sees, and those that it may lack."""
    if spec.task is Task.IMAGE_CLASSIFICATION:
        return [], []
    schema = spec.schema
    names = [feature.name for feature in (*schema.numeric, *schema.categorical, *schema.text)]
    return (names[:1], names[1:]) if spec.task is Task.FORECASTING else ([], names)


def narrow(spec: ModelSpec, names: Sequence[str]) -> tuple[ModelSpec, Columns]:
    """Return what a model must take that sees these features only, and where they are in the inputs of one for all."""
    schema, kept, columns = spec.schema, {}, {}
    for kind in ("numeric", "categorical", "text"):
        of_kind = getattr(schema, kind)
        columns[kind] = [index for index, feature in enumerate(of_kind) if feature.name in names]
        kept[kind] = tuple(of_kind[index] for index in columns[kind])
    narrowed = replace(spec, schema=schema.model_copy(update=kept))
    if spec.task is Task.FORECASTING:
        calendar = range(len(schema.numeric), spec.num_channels)
        return narrowed, {"values": [*columns["numeric"], *calendar]}
    return narrowed, {kind: indices for kind, indices in columns.items() if indices}


def widen(model: keras.Model, spec: ModelSpec, columns: Columns) -> keras.Model:
    """Return a model that takes all features and gives what `model` gives for some of them.

    Args:
        model: It takes the features of `columns`.
        spec: What the new model takes.
        columns: Where they are in its inputs.
    """
    import keras

    from estafet.training.layers.selection import Columns as Select

    inputs = spec.inputs()
    seen = {name: Select(indices, name=f"{name}_seen")(inputs[name]) for name, indices in columns.items()}
    return keras.Model(inputs, model(seen), name=f"{model.name}_of_some")


@dataclass(frozen=True)
class SomeColumns(Source):
    """A source whose examples have some of the features."""

    columns: Columns | None = None

    @classmethod
    def of(cls, source: Source, columns: Columns) -> SomeColumns:
        """Return the source with these columns of its inputs."""
        return cls(**{field.name: getattr(source, field.name) for field in fields(source)}, columns=columns)

    def batches(self, replicas: Replicas = ONE, at_once: int = EVALUATION_BATCH_SIZE) -> tf.data.Dataset:
        """Return batches in order, for evaluation."""
        return super().batches(replicas, at_once).map(self._some)

    def scheduled_batches(self, position: Position, seed: int, replicas: Replicas = ONE) -> tf.data.Dataset:
        """Return shuffled batches for training."""
        return super().scheduled_batches(position, seed, replicas).map(self._some)

    def _some(self, features: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        import tensorflow as tf

        return {name: tf.gather(features[name], found, axis=-1) for name, found in self.columns.items()}, labels
