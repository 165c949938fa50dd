"""A release appears whole, agrees with the Keras model, and says where it comes from."""

from __future__ import annotations

import base64
import json
import shutil

import keras
import numpy as np
import pytest

from components.evaluate import step as evaluate
from components.export import signatures, step, verification
from estafet import release
from estafet.errors import GateRefused, StepFailed
from estafet.evaluation import Evaluation
from estafet.release import Contract, Release, Smoke
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel
from estafet.training.trained import Trained, load_model

pytestmark = pytest.mark.slow

TABLE = Task.TABULAR_CLASSIFICATION


@pytest.mark.parametrize("task", list(Task))
def test_a_release_holds_everything_that_serving_and_watching_need(task, relay_of, evaluation_of, release_of):
    folder, trained = release_of(task), Trained.load(relay_of(task).model)

    papers = Release.load(folder)

    kept = {path.name for path in (folder / "estafet").iterdir()}
    assert kept == {
        "release.json", "contract.json", "evaluation.json", "report.html", "reference.parquet", "smoke.json"
    }  # fmt: skip
    assert papers.model_version == trained.version
    assert papers.dataset_version == trained.dataset_version
    assert papers.recipe == "abc"
    assert papers.metrics == Evaluation.load(evaluation_of(task)).metrics
    assert papers.headline_value == papers.metrics[task.headline_metric]
    assert papers.fingerprint == release.fingerprint(folder)
    assert papers.registered_version == ""
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


@pytest.mark.parametrize("task", list(Task))
def test_the_smoke_test_holds_json_that_gives_the_expected_answers(task, release_of):
    smoke, served = Smoke.load(release_of(task)), SavedModel(release_of(task))
    json.dumps(smoke.instances, allow_nan=False)
    raw = {}
    for spec in served.contract.inputs():
        values = [instance[spec.name] for instance in smoke.instances]
        if task == Task.IMAGE_CLASSIFICATION:
            values = [base64.b64decode(value["b64"]) for value in values]
        raw[spec.name] = np.array(values, dtype=object if spec.dtype == "string" else np.float32)

    found = served.predict(raw)[smoke.output]

    assert len(smoke.instances) == 3
    assert found.tolist() == pytest.approx(np.array(smoke.expected), abs=smoke.tolerance)


def test_a_saved_model_that_differs_is_not_let_out(relay_of, release_of, tmp_path):
    """The same architecture with other weights."""
    relay, contract = relay_of(TABLE), Contract.load(release_of(TABLE))
    model = load_model(relay.model)
    other = keras.models.clone_model(model)
    other.set_weights([weight + 0.1 for weight in model.get_weights()])
    signatures.write_saved_model(other, contract, tmp_path)
    contract.save(tmp_path)

    with pytest.raises(StepFailed, match="differs from the Keras model by"):
        verification.verify(model, SavedModel(tmp_path), relay.dataset, 8)


def test_a_model_that_was_refused_is_not_exported(relay_of, tmp_path):
    relay = relay_of(TABLE)
    strict = evaluate.Settings(**relay.settings(gates={"accuracy": {"min": 1.1}}))
    evaluate.evaluate(strict, relay.model, relay.dataset, tmp_path / "evaluation")

    with pytest.raises(GateRefused):
        step.export(
            step.Settings(name="tiny", **relay.settings()), relay.model, relay.dataset, tmp_path / "evaluation",
            tmp_path / "1", provenance={},
        )  # fmt: skip

    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]


def test_a_failure_leaves_nothing_and_an_earlier_release_in_place(relay_of, evaluation_of, tmp_path, monkeypatch):
    relay, out = relay_of(TABLE), tmp_path / "1"
    out.mkdir()
    (out / "earlier").touch()
    (tmp_path / ".1.killed.tmp").mkdir()
    monkeypatch.setattr(verification, "TOLERANCE", -1.0)

    with pytest.raises(StepFailed):
        step.export(
            step.Settings(name="tiny", **relay.settings()), relay.model, relay.dataset, evaluation_of(TABLE), out,
            provenance={},
        )  # fmt: skip

    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert [path.name for path in out.iterdir()] == ["earlier"]


def test_a_new_release_takes_the_place_of_an_old_one(relay_of, evaluation_of, tmp_path):
    relay, out = relay_of(TABLE), tmp_path / "1"
    out.mkdir()
    (out / "earlier").touch()

    papers = step.export(
        step.Settings(name="tiny", **relay.settings()), relay.model, relay.dataset, evaluation_of(TABLE), out,
        provenance={},
    )  # fmt: skip

    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert not (out / "earlier").exists()
    assert release.fingerprint(out) == papers.fingerprint


def test_the_summary_names_size_agreement_and_version(release_of):
    papers = Release.load(release_of(TABLE)).model_copy(update={"size_bytes": 412_000, "registered_version": "3"})

    assert step.summary(papers) == f"412 kB, equals Keras on {papers.verified_examples} examples · registered as v3"
    assert step.summary(papers.model_copy(update={"size_bytes": 3_210_000})).startswith("3.2 MB, ")


def test_the_served_model_scores_like_itself_as_champion(relay_of, release_of, tmp_path):
    """The champion is the same model, through its own signature: no improvement, and no regression."""
    for task in Task:
        relay = relay_of(task)

        evaluation = evaluate.evaluate(
            evaluate.Settings(**relay.settings()),
            relay.model,
            relay.dataset,
            tmp_path / task.value,
            champion=str(release_of(task)),
        )

        assert evaluation.champion.status == "compared", evaluation.champion.reason
        assert evaluation.champion.improvement == pytest.approx(0, abs=1e-5)
        assert evaluation.passed


@pytest.mark.parametrize(
    ("champion", "reason"),
    [(Task.IMAGE_CLASSIFICATION, "its task is image_classification"), (None, "there is no release in")],
)
def test_a_champion_that_cannot_be_compared_is_named_and_holds_nothing_up(
    champion, reason, relay_of, release_of, tmp_path
):
    relay = relay_of(TABLE)
    folder = release_of(champion) if champion else tmp_path / "gone"

    evaluation = evaluate.evaluate(
        evaluate.Settings(**relay.settings()), relay.model, relay.dataset, tmp_path / "out", champion=str(folder)
    )

    assert evaluation.champion.status == "skipped"
    assert reason in evaluation.champion.reason
    assert evaluation.passed
    assert "Not compared with" in (tmp_path / "out" / "report.html").read_text()


def test_a_damaged_champion_holds_nothing_up(relay_of, release_of, tmp_path):
    relay, champion = relay_of(TABLE), tmp_path / "7"
    shutil.copytree(release_of(TABLE), champion)
    (champion / "saved_model.pb").write_bytes(b"damaged")

    evaluation = evaluate.evaluate(
        evaluate.Settings(**relay.settings()),
        relay.model,
        relay.dataset,
        tmp_path / "out",
        champion=str(champion),
    )

    assert evaluation.champion.status == "skipped"
    assert "cannot be loaded" in evaluation.champion.reason
