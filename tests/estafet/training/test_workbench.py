"""A learner that is taken again trains as a new one would, bit for bit, and is not traced anew."""

from __future__ import annotations

import gc
import random
import weakref

import keras
import numpy as np
import pytest

from estafet.errors import StepFailed
from estafet.records.manifest import Manifest, WindowSpec
from estafet.records.reading import SPLITS
from estafet.runfile.tasks import Task
from estafet.training import feeding, loop, models, testing
from estafet.training.batch_schedule import BatchSchedule
from estafet.training.learner import Learner
from estafet.training.models import ModelSpec
from estafet.training.scalars import NAMES, Scalars, stand_ins
from estafet.training.workbench import Workbench

MEASURED = ("seconds", "examples_per_s")
SMALL = {"dropout": 0.3, "l2": 1e-3, "units": 8, "layers": 1}


@pytest.fixture(scope="module")
def sources(table):
    return feeding.load(table, "train"), feeding.load(table, "validation")


@pytest.fixture
def traces(monkeypatch) -> list:
    found, step = [], Learner.train_step
    monkeypatch.setattr(Learner, "train_step", lambda self, data: found.append(self) or step(self, data))
    return found


def _fit(table, sources, workbench, *, rate=0.01, batch_size=32, build="default", on_epoch=None, **hyperparameters):
    plan = loop.Plan(
        2, BatchSchedule.constant(batch_size), rate, devices="single", xla="off", seed=4, steps_per_execution=4
    )
    spec = ModelSpec.from_manifest(Manifest.load(table))
    given = {**SMALL, **hyperparameters}
    return loop.fit(spec, build, given, *sources, plan, workbench=workbench, on_epoch=on_epoch)


def _assert_equal(ours: loop.Outcome, theirs: loop.Outcome) -> None:
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [
        [{name: value for name, value in epoch.items() if name not in MEASURED} for epoch in outcome.history]
        for outcome in (ours, theirs)
    ]
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_trainings_of_equal_shapes_share_one_trace_and_end_as_if_each_were_the_first(table, sources, traces):
    """Learning rate, batch size, dropout and the penalty on weights change no shape."""
    workbench = Workbench()
    others = {"rate": 0.003, "batch_size": 50, "dropout": 0.05, "l2": 0.1}

    def end_early(epoch, values):
        raise StepFailed("hopeless")

    first = _fit(table, sources, workbench)
    with pytest.raises(StepFailed):
        _fit(table, sources, workbench, rate=0.02, on_epoch=end_early)
    second = _fit(table, sources, workbench, **others)
    again = _fit(table, sources, workbench)

    assert len(traces) == 1
    _assert_equal(again, first)
    _assert_equal(second, _fit(table, sources, None, **others))
    assert len(traces) == 2


@pytest.mark.slow
def test_what_shapes_a_model_makes_another_learner_and_the_eldest_are_let_go(table, sources, monkeypatch):
    workbench, assembled = Workbench(num_kept=2), []
    monkeypatch.setattr(loop, "assemble", _noting(loop.assemble, assembled))
    monkeypatch.setattr(Learner, "fit", lambda self, *args, **kwargs: _end())

    def take(**hyperparameters):
        with pytest.raises(StepFailed):
            _fit(table, sources, workbench, **hyperparameters)
        return workbench.current.learner

    eldest, wide, none_dropped = take(), take(units=16), take(dropout=0)

    assert len({id(learner) for learner in (eldest, wide, none_dropped)}) == len(assembled) == 3
    assert take(units=16, dropout=0.5) is wide and len(assembled) == 3
    assert take() is not eldest and len(assembled) == 4


@pytest.mark.slow
def test_a_learner_whose_memory_ran_out_is_not_taken_again(table, sources, monkeypatch):
    workbench = Workbench()
    monkeypatch.setattr(Learner, "fit", lambda self, *args, **kwargs: _end())

    def take():
        with pytest.raises(StepFailed):
            _fit(table, sources, workbench)
        return workbench.current.learner

    first = take()
    first.go_in_parts(8)

    assert take() is not first


def test_what_was_made_of_a_source_goes_with_it(numbers):
    workbench, source = Workbench(), feeding.load(numbers, "train")
    position, batches = workbench.feed(source, 1)
    assert workbench.feed(source, 1) == (position, batches) and workbench.feed(source, 2)[1] is not batches

    gone = weakref.ref(source)
    del source
    gc.collect()

    assert gone() is None and not workbench._feeds


@pytest.mark.parametrize("build", ["wide_and_deep", "mlp", "gru", "tcn", "patchtst", "cnn", "resnet", "texts"])
def test_in_training_a_model_with_variables_answers_as_one_with_numbers_does(build, tmp_path, monkeypatch):
    """So nothing that these hyperparameters do happens in another place than where the variables are."""
    spec, values = _spec_for(build, tmp_path), {"dropout": 0.4, "text_dropout": 0.15, "l2": 0.01}
    name = "default" if build == "texts" else build
    defaults = models.default_hyperparameters(spec, name)
    free = [each for each in NAMES if each in defaults]
    features, _ = next(iter(feeding.load(tmp_path, "train").batches()))

    def built(given):  # with random numbers of its own: a thread that another test left may draw Python's
        monkeypatch.setattr("keras.src.random.seed_generator.python_random", random.Random(5))
        return models.build(spec, name, {**defaults, **given})

    def answer(model):
        for layer in model._flatten_layers():  # some begin at zero, and would hide all that comes before them
            if isinstance(layer, keras.layers.Dense):
                layer.kernel.assign(keras.random.normal(layer.kernel.shape, seed=1))
        return [np.asarray(each) for each in (model(features, training=True), *model.losses)]

    theirs = answer(built({each: values[each] for each in free}))
    model = built(stand_ins(free))
    scalars = Scalars(model, stand_ins(free))
    scalars.set(values)

    assert scalars.found == set(free) and free
    for one, other in zip(answer(model), theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def _spec_for(build: str, folder) -> ModelSpec:
    random = np.random.default_rng(0)
    if build in ("lstm", "gru", "tcn", "patchtst"):
        window = WindowSpec(lookback=32, horizon=2, stride=1, season=4)
        return ModelSpec.from_manifest(testing.write_series(folder, random.normal(size=400), window))
    labels = np.arange(8) % 2
    if build in ("cnn", "resnet"):
        images = random.integers(0, 255, (8, 16, 16, 1)).astype(np.uint8)
        rows = {"image": images, "label": labels}
        return ModelSpec.from_manifest(testing.write_images(folder, {name: rows for name in SPLITS}))
    rows = {"numeric": random.normal(size=(8, 2)), "label": labels}
    if build == "texts":
        rows["text"] = np.array([["one two"], ["two three four"]] * 4)
    splits = {name: rows for name in SPLITS}
    return ModelSpec.from_manifest(testing.write_table(folder, Task.TABULAR_CLASSIFICATION, splits))


def _noting(function, calls: list):
    def noted(*args, **kwargs):
        calls.append(args)
        return function(*args, **kwargs)

    return noted


def _end():
    raise StepFailed("no training in this test")
