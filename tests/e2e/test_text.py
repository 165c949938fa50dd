"""A table of one column of text goes through the whole relay, and its release reads raw strings."""

from __future__ import annotations

import csv
import random

import numpy as np
import pytest

from components.evaluate import step as evaluate
from components.export import step as export
from components.ingest import step as ingest
from components.train import step as train
from estafet.runfile.tasks import Task
from estafet.saved_model import SavedModel

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

THINGS = ("film", "plot", "room", "hotel", "soup", "service", "phone", "screen")
KIND, HARSH = ("great", "lovely", "charming", "superb"), ("awful", "dull", "dreadful", "nasty")
PLAIN = ("the {thing} was {word}", "honestly, a {word} {thing}", "we thought that the {thing} is {word}")
NEGATED = ("the {thing} was not {word}", "hardly a {word} {thing}", "nobody thought that the {thing} is {word}")


def review(chance: random.Random) -> tuple[str, str]:
    """Make a review whose mood follows from a word and from whether it is negated, among others that say nothing."""
    is_good, is_negated = chance.random() < 0.5, chance.random() < 0.4
    word = chance.choice(KIND if is_good != is_negated else HARSH)
    said = chance.choice(NEGATED if is_negated else PLAIN).format(thing=chance.choice(THINGS), word=word)
    return f"{said}. Order number {chance.randint(1, 9999)}!", "good" if is_good else "bad"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Give the evaluation and the release of a model of 1,200 reviews; the text is found, not named."""
    folder, chance = tmp_path_factory.mktemp("reviews"), random.Random(0)
    with (folder / "reviews.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("review", "mood"), *(review(chance) for _ in range(1200))])
    task = {"task": Task.TABULAR_CLASSIFICATION}
    given = {**task, "model": {"hyperparameters": {"text_filters": 32}}}
    dataset, model, report = folder / "dataset", folder / "model", folder / "evaluation"
    ingest.ingest(ingest.Settings(**task, source=str(folder / "reviews.csv"), label="mood"), dataset)
    training = train.Settings(**given, epochs=8, batch={"start": 16, "limit": 16}, devices="cpu", xla="off")
    train.train(training, dataset, model, hyperparameters={}, scratch=folder / "scratch")
    evaluation = evaluate.evaluate(evaluate.Settings(**given, metric="accuracy"), model, dataset, report)
    release = folder / "release" / "1"
    papers = {"recipe": "abc", "compared_with": ""}
    export.export(export.Settings(name="reviews", **given), model, dataset, report, release, provenance=papers)
    return evaluation, release


def test_the_model_understands_negation_and_beats_a_bag_of_words(released):
    """A bag of words cannot do better than to guess where the word and its negation are apart."""
    evaluation, _ = released

    assert evaluation.metrics["accuracy"] > 0.95
    assert evaluation.baselines["majority class"]["accuracy"] < 0.6
    assert 0.5 < evaluation.baselines["logistic regression"]["accuracy"] < 0.85


def test_the_release_reads_one_raw_string(released):
    _, folder = released
    served = SavedModel(folder)

    assert [(spec.name, spec.dtype, spec.shape) for spec in served.contract.inputs()] == [("review", "string", ())]
    for text, mood in (
        ("THE SOUP\nWAS NOT DREADFUL… order number 5", "good"),
        ("Honestly, a dull film.", "bad"),
        ("hardly a superb hotel", "bad"),
    ):
        answer = served.predict({"review": np.array([text], dtype=object)})
        assert answer["class"].tolist() == [mood.encode()] or answer["class"].tolist() == [mood]


def test_it_answers_to_texts_that_nobody_foresaw(released):
    _, folder = released
    texts = np.array(["", "😀", "word " * 10_000, "我爱北京"], dtype=object)

    probabilities = SavedModel(folder).predict({"review": texts})["probabilities"]

    assert np.isfinite(probabilities).all() and probabilities.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
