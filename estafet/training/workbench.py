"""Keeps compiled learners and data pipelines, so that the next training of equal shapes begins at once."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from estafet.runfile.architectures import is_users
from estafet.training.execution import restore, state_of
from estafet.training.feeding import EVALUATION_BATCH_SIZE, Position, Source
from estafet.training.learner import Learner, Objective
from estafet.training.learning_rate import RampedRate
from estafet.training.memory import weights_bytes
from estafet.training.models.hyperparameters import OF_THE_TRAINING, whole
from estafet.training.models.spec import ModelSpec
from estafet.training.plan import Plan
from estafet.training.scalars import NAMES, Scalars, stand_ins

NUM_KEPT = 8
MAX_KEPT_BYTES = 512 * 2**20
"""What kept learners may take, beside the one that is at work."""

Assemble = Callable[[Mapping[str, Any]], Learner]


@dataclass
class Piece:
    """A learner that was assembled, and what it was then.

    Attributes:
        learner: It.
        beginning: All that a training changes, as it was before any.
        scalars: The hyperparameters that it holds in variables.
        answer: Compiled: the predictions for features, without anything that happens in training alone.
    """

    learner: Learner
    beginning: list[np.ndarray]
    scalars: Scalars
    answer: Callable[[Mapping[str, tf.Tensor]], tf.Tensor]

    def begin(self, plan: Plan, hyperparameters: Mapping[str, Any]) -> None:
        """Make everything what a new assembly would have made it."""
        restore(self.learner, self.beginning)
        self.scalars.set(hyperparameters)
        optimizer = getattr(self.learner.optimizer, "inner_optimizer", self.learner.optimizer)
        if not isinstance(optimizer._learning_rate, RampedRate):
            optimizer.learning_rate = plan.learning_rate

    @property
    def is_as_it_was(self) -> bool:
        """Whether it still goes through whole batches: what ran out of memory does not."""
        return self.learner.part_size is None

    @property
    def num_bytes(self) -> int:
        """What it takes, about."""
        return weights_bytes(self.learner.model)


class Workbench:
    """Learners and pipelines that are taken again; what is trained is bit for bit what a new assembly would train.

    A learner is taken again where all is equal that shapes its graph or its beginning: the model and its
    hyperparameters, the seed, the optimiser, the precision and the devices. Learning rate and batch size are none of
    these, nor are dropout rates and weight penalties of Estafet's own architectures, as long as they are above zero.
    (A user's model that draws from TensorFlow's global generator goes on drawing where it was.)

    Attributes:
        current: The piece that was taken last.
    """

    def __init__(self, num_kept: int = NUM_KEPT, max_bytes: int = MAX_KEPT_BYTES):
        self.num_kept, self.max_bytes = num_kept, max_bytes
        self.current: Piece | None = None
        self._pieces: OrderedDict[tuple, Piece] = OrderedDict()
        self._fixed: dict[tuple, frozenset[str]] = {}
        self._feeds: dict[tuple, tuple[weakref.ref, Any]] = {}

    def learner(
        self,
        spec: ModelSpec,
        build: str,
        hyperparameters: Mapping[str, Any],
        plan: Plan,
        objective: Objective | None,
        assemble: Assemble,
    ) -> Learner:
        """Return a learner at its beginning, one that was there before or a new one.

        Args:
            spec: As for `assembly.assemble`, like all of these.
            build: The model's.
            hyperparameters: Those of the model; others are passed over.
            plan: Its devices are chosen.
            objective: What is minimised, where it is not the task's loss.
            assemble: Makes a compiled learner from hyperparameters; it has not been traced.
        """
        own = {name: whole(value) for name, value in hyperparameters.items() if name not in OF_THE_TRAINING}
        free = [] if is_users(build) else [name for name in NAMES if own.get(name) and 0 < own[name] < 1]
        key = _key(spec, build, {k: v for k, v in own.items() if k not in free}, free, plan, objective)
        free = [name for name in free if name not in self._fixed.get(key, ())]
        of_values = (key, tuple((name, own[name]) for name in self._fixed.get(key, ())))
        piece = self._pieces.pop(of_values, None)
        if piece is None or not piece.is_as_it_was:
            piece = self._assembled(assemble, own, free)
            if missing := frozenset(free) - piece.scalars.found:  # they may act in other ways than by their place
                self._fixed[key] = missing | self._fixed.get(key, frozenset())
                return self.learner(spec, build, hyperparameters, plan, objective, assemble)
        piece.begin(plan, own)
        self._keep(of_values, piece)
        return piece.learner

    def _assembled(self, assemble: Assemble, own: Mapping[str, Any], free: list[str]) -> Piece:
        given = stand_ins(free)
        learner = assemble({**own, **given})
        model = learner.model
        answer = tf.function(lambda features: model(features, training=False), reduce_retracing=True)
        return Piece(learner, state_of(learner), Scalars(model, given), answer)

    def _keep(self, key: tuple, piece: Piece) -> None:
        """Make it the current one, and let go of those that were taken longest ago where they are too many."""
        self.current = self._pieces[key] = piece
        while len(self._pieces) > 1 and (
            len(self._pieces) > self.num_kept
            or sum(kept.num_bytes for kept in list(self._pieces.values())[:-1]) > self.max_bytes
        ):
            self._pieces.popitem(last=False)

    def feed(self, train: Source, seed: int) -> tuple[Position, tf.data.Dataset]:
        """Return the position of a training, and its batches, `train.scheduled_batches`, made once for each source."""

        def made() -> tuple[Position, tf.data.Dataset]:
            position = Position.start()
            return position, train.scheduled_batches(position, seed)

        return self._fed(("train", id(train), seed), train, made)

    def judged(self, validation: Source, at_once: int = EVALUATION_BATCH_SIZE) -> tf.data.Dataset:
        """Return the batches that a training is judged on, `validation.batches`, made once for each source."""
        return self._fed(
            ("validation", id(validation), at_once), validation, lambda: validation.batches(at_once=at_once)
        )

    def _fed(self, key: tuple, source: Source, made: Callable[[], Any]) -> Any:
        """Return what was made of a source before, for as long as the source is there."""
        if key not in self._feeds:
            self._feeds[key] = weakref.ref(source, lambda _: self._feeds.pop(key, None)), made()
        return self._feeds[key][1]


def _key(spec: ModelSpec, build: str, own: Mapping[str, Any], free: list[str], plan: Plan, objective) -> tuple:
    values = tuple(sorted((name, type(value).__name__, repr(value)) for name, value in own.items()))
    of_plan = (plan.seed, plan.optimizer, plan.precision, plan.devices, plan.schedule.warm_up_steps > 0)
    return (spec, build, values, tuple(free), of_plan, objective)
