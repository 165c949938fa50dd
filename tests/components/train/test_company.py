"""Ensembles and students, from the training to the SavedModel; tiny, and of few epochs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.evaluate import step as evaluate
from components.export import step as export
from components.train import step
from estafet.errors import ConfigError
from estafet.evaluation import Evaluation
from estafet.records import reading
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel
from estafet.tracking import NullTracker
from estafet.training import loop, testing
from estafet.training.trained import Trained, load_model

pytestmark = pytest.mark.slow
LINEAR, WIDE = {"build": "linear"}, {"hyperparameters": {"layers": 1}}
QUICK = {"epochs": 2, "batch": 32, "learning_rate": 0.01, "xla": "off", "steps_per_execution": 1}


class Remembering(NullTracker):
    """A tracker that remembers the names of what it is told."""

    def __init__(self):
        self.metrics, self.files = {}, []

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_file(self, path, folder=""):
        self.files.append(f"{folder}/{Path(path).name}")


class Killed(BaseException):
    """Stands for a kill: nothing in the step can catch it."""


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A regression, y = 3a − b + 100, with two numbers, in three folds."""
    folder, random = tmp_path_factory.mktemp("line"), np.random.default_rng(0)

    def rows(num_rows: int) -> dict[str, np.ndarray]:
        numeric_NF = random.normal(size=(num_rows, 2)).astype(np.float32)
        return {"numeric": numeric_NF, "label": 3 * numeric_NF[:, 0] - numeric_NF[:, 1] + 100}

    parts = {name: rows(count) for name, count in (("train", 120), ("validation", 60), ("test", 60), ("third", 60))}
    manifest = testing.write_table(folder, Task.TABULAR_REGRESSION, parts)
    splits = dict(manifest.splits)
    folds = (splits["validation"], splits.pop("third"), splits["train"])
    manifest.model_copy(update={"splits": splits, "folds": folds}).save(folder)
    return folder


def settings(**train) -> step.Settings:
    return step.Settings.model_validate({"task": Task.TABULAR_REGRESSION, "model": LINEAR, **QUICK, **train})


def run(dataset: Path, folder: Path, tracker=None, **train) -> Trained:
    return step.train(
        settings(**train), dataset, folder / "model", hyperparameters={}, scratch=folder / "scratch", tracker=tracker
    )


def answers(folder: Path, features) -> np.ndarray:
    return np.asarray(load_model(folder)(features, training=False))


def companions(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("model/company/*/training.json"))


@pytest.fixture(scope="module")
def distilled(line, tmp_path_factory) -> tuple[Path, Trained, Remembering]:
    """An ensemble of two by seed, and a linear student."""
    folder, tracker = tmp_path_factory.mktemp("distilled"), Remembering()
    trained = run(line, folder, tracker, model=WIDE, ensemble={"members": 2}, distill={"build": "linear"})
    return folder, trained, tracker


def test_an_ensemble_answers_with_the_mean_of_its_members_and_its_student_is_the_model(distilled, line):
    folder, trained, tracker = distilled
    features, _ = next(iter(reading.dataset(line, "test", batch_size=60)))
    model, company = folder / "model", folder / "model" / "company"

    assert companions(folder) == ["ensemble", "member-1", "member-2", "twin"]
    mean = (answers(company / "member-1", features) + answers(company / "member-2", features)) / 2
    np.testing.assert_allclose(answers(company / "ensemble", features), mean, rtol=1e-6)
    assert (trained.role, trained.build) == ("student", "linear")
    assert load_model(model).count_params() == trained.num_parameters == 3
    assert Trained.load(model) == trained
    assert Trained.load(company / "ensemble").num_parameters == 2 * Trained.load(company / "member-1").num_parameters
    assert {"member-1/val_rmse", "member-2/val_rmse", "val_rmse"} <= set(tracker.metrics)
    of_company = [f"company/{name}/curves.png" for name in ("member-1", "member-2", "twin")]
    assert sorted(tracker.files) == ["/curves.png", *of_company]
    assert not (folder / "scratch").exists()


def test_the_first_member_and_the_students_twin_are_what_is_trained_without_any_company(distilled, line, tmp_path):
    """The student has the seed that follows the run file's."""
    alone, small = run(line, tmp_path / "a", model=WIDE), run(line, tmp_path / "b", seed=1)

    company = distilled[0] / "model" / "company"
    assert alone.version == Trained.load(company / "member-1").version
    assert small.version == Trained.load(company / "twin").version != distilled[1].version


def test_all_are_scored_on_the_same_examples_and_the_gate_judges_the_released_one(distilled, line, tmp_path):
    told, tracker = {"task": Task.TABULAR_REGRESSION, "model": {}}, Remembering()
    tracker.log_tags = lambda tags: None

    found = evaluate.evaluate(evaluate.Settings(**told), distilled[0] / "model", line, tmp_path, tracker=tracker)

    assert [companion.name for companion in found.company] == ["member-1", "member-2", "ensemble", "twin", "released"]
    assert found.company[-1].metrics == found.metrics != found.company[0].metrics
    features, labels = next(iter(reading.dataset(line, "test", batch_size=60)))
    ensemble = answers(distilled[0] / "model" / "company" / "ensemble", features)[:, 0]
    assert found.company[2].metrics["rmse"] == pytest.approx(np.sqrt(np.mean((ensemble - labels) ** 2)), rel=1e-5)
    sizes = [path.stat().st_size for path in sorted((distilled[0] / "model" / "company").glob("*/model.keras"))]
    assert [companion.size_bytes for companion in found.company[:3]] == [*sizes[1:3], sizes[0]]
    assert all(companion.latency_ms > 0 and companion.examples_per_s > 0 for companion in found.company)
    assert Evaluation.load(tmp_path) == found and "student" in found.bought
    page = (tmp_path / "report.html").read_text()
    assert found.bought.split(":")[0].replace("'", "&#x27;") in page and "ensemble of 2 by seed" in page
    assert tracker.metrics["company/ensemble/rmse"] == found.company[2].metrics["rmse"]
    assert tracker.metrics["company/released/num_parameters"] == 3


@pytest.fixture(scope="module")
def ensemble_of_parts(line, tmp_path_factory) -> Path:
    """An ensemble by features, each member of which sees one of the two numbers."""
    folder = tmp_path_factory.mktemp("parts")
    run(line, folder, ensemble={"by": "features", "feature_share": 0.5, "members": 2})
    return folder


def test_an_ensemble_is_exported_as_one_saved_model_that_holds_each_weight_once(ensemble_of_parts, line, tmp_path):
    """Its members see one number each, and the answer is the mean of theirs; weights are float32."""
    told, model = {"task": Task.TABULAR_REGRESSION, "model": {}}, ensemble_of_parts / "model"
    evaluate.evaluate(evaluate.Settings(**told), model, line, tmp_path / "evaluation")

    export.export(
        export.Settings(name="e", **told), model, line, tmp_path / "evaluation", tmp_path / "1", provenance={}
    )

    raw = reading.raw_examples(line, "test", 60)
    served = SavedModel(tmp_path / "1").predict(raw)
    features, _ = next(iter(reading.dataset(line, "test", batch_size=60)))
    (_, a), (_, b) = ((name, answers(model / "company" / name, features)) for name in ("member-1", "member-2"))
    np.testing.assert_allclose(next(iter(served.values())), (a + b)[:, 0] / 2, rtol=1e-5)
    stored = tf.train.list_variables(str(tmp_path / "1" / "variables" / "variables"))
    sizes = [int(np.prod(shape)) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert sum(sizes) == Trained.load(model).num_parameters


def test_a_member_by_features_does_not_hear_of_the_others(ensemble_of_parts):
    company = ensemble_of_parts / "model" / "company"
    rows = np.float32([[1, 2], [1, -2], [-1, 2]])

    found = {name: answers(company / name, {"numeric": rows})[:, 0] for name in ("member-1", "member-2")}

    seen = {name: Trained.load(company / name).about.split("sees ")[1][:2] for name in found}
    assert set(seen.values()) == {"x0", "x1"}
    of_first, of_second = (found[name] for name in sorted(found, key=seen.get))
    assert of_first[0] == of_first[1] != of_first[2]
    assert of_second[0] == of_second[2] != of_second[1]


def test_a_killed_ensemble_goes_on_with_the_member_that_it_was_at(distilled, line, tmp_path, monkeypatch):
    """The second member is killed after its first epoch; in the end the ensemble is that of a run that was not."""
    fit, fitted = loop.fit, []

    def fit_until_killed(*arguments, scratch, **named):
        fitted.append(scratch.parent.name)

        def on_epoch(epoch, values):
            if fitted == ["member-1", "member-2"] and epoch == 0:
                raise Killed

        return fit(*arguments, scratch=scratch, on_epoch=on_epoch, **named)

    monkeypatch.setattr(loop, "fit", fit_until_killed)
    ensemble = {"model": WIDE, "ensemble": {"members": 2}}
    with pytest.raises(Killed):
        run(line, tmp_path, **ensemble)
    assert not (tmp_path / "model").exists()
    tracker = Remembering()

    trained = run(line, tmp_path, tracker, **ensemble)

    assert fitted == ["member-1", "member-2", "member-2"]
    assert trained.about == "ensemble of 2 by seed" and "member-1/val_rmse" in tracker.metrics
    assert trained.version == Trained.load(distilled[0] / "model" / "company" / "ensemble").version


def test_each_member_by_folds_is_judged_on_the_fold_that_it_left_out(line, tmp_path, monkeypatch):
    """The folds have 60, 60 and 120 examples, so without one of the first two there are 180 to learn from."""
    fit, sizes = loop.fit, []
    monkeypatch.setattr(
        loop, "fit", lambda *a, **n: sizes.append((a[3].num_examples, a[4].num_examples)) or fit(*a, **n)
    )

    trained = run(line, tmp_path, epochs=1, ensemble={"by": "folds", "members": 2})

    assert sizes == [(180, 60), (180, 60)]
    folder = tmp_path / "model" / "company"
    judged = [Trained.load(path).validation["rmse"] for path in sorted(folder.iterdir())]
    assert trained.validation["rmse"] == pytest.approx(np.mean(judged))


def test_folds_that_the_data_do_not_have_are_refused(distilled, line, tmp_path):
    shutil.copytree(line, tmp_path / "data")
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    (tmp_path / "data" / "manifest.json").write_text(json.dumps({**manifest, "folds": []}))

    with pytest.raises(ConfigError, match="not divided into folds"):
        run(tmp_path / "data", tmp_path, ensemble={"by": "folds"})


def test_each_generation_learns_from_the_one_before_and_the_last_is_released(line, tmp_path, monkeypatch):
    """Each teacher says what the model that is kept under its name says."""
    from estafet.training.company import distillation

    objective, teachers = distillation.objective, []
    monkeypatch.setattr(
        distillation, "objective", lambda teacher, *more: teachers.append(teacher) or objective(teacher, *more)
    )

    trained = run(line, tmp_path, epochs=1, distill={"from": "model", "generations": 2})

    assert companions(tmp_path) == ["student-1", "teacher"]
    assert (trained.role, trained.about) == ("student", "generation 2, student of generation 1")
    features, _ = next(iter(reading.dataset(line, "test", batch_size=60)))
    for teacher, name in zip(teachers, ("teacher", "student-1"), strict=True):
        np.testing.assert_array_equal(answers(tmp_path / "model" / "company" / name, features), teacher(features))
