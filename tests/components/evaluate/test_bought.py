"""What an ensemble or a student bought, in a sentence: the numbers are worked out by hand."""

from __future__ import annotations

import pytest

from components.evaluate import bought
from estafet.evaluation import Companion


def model(role: str, loss: float, size: int = 1000, latency_ms: float = 1.0, name: str = "") -> Companion:
    return Companion(
        name=name or role,
        role=role,
        about=f"the {role}",
        metrics={"log_loss": loss},
        num_parameters=10,
        size_bytes=size,
        latency_ms=latency_ms,
        examples_per_s=1,
    )


MEMBERS = (model("member", 0.5), model("member", 0.7))
ENSEMBLE = model("ensemble", 0.4, size=2000, latency_ms=4)


def test_a_student_keeps_a_share_of_the_gain_at_a_share_of_the_cost():
    """Members lose 0.6 on average, so the ensemble gains 0.2 and a student at 0.45 gains 0.15: 75 %."""
    said = bought.sentence([*MEMBERS, ENSEMBLE, model("student", 0.45, size=400, latency_ms=1)], "log_loss")

    assert said.startswith(
        "The student keeps 75 % of the ensemble's gain over its members, at 20 % of the ensemble's size and 25 % of "
        "its latency (log_loss: members 0.6 on average, ensemble 0.4, student 0.45)."
    )


@pytest.mark.parametrize(
    ("of_ensemble", "of_student", "said"),
    [
        (0.4, 0.8, "The student keeps nothing of the ensemble's gain"),
        (0.4, 0.3, "The student is better than the ensemble that taught it"),
        (0.7, 0.5, "The ensemble is 0.1 worse than its members on average; the student stands at"),
        (0.6, 0.5, "The ensemble is the same as its members on average"),
    ],
)
def test_it_says_so_where_nothing_was_bought(of_ensemble, of_student, said):
    company = [*MEMBERS, model("ensemble", of_ensemble), model("student", of_student)]

    assert bought.sentence(company, "log_loss").startswith(said)


def test_an_ensemble_is_held_against_its_members():
    assert bought.sentence([*MEMBERS, ENSEMBLE], "log_loss") == (
        "The ensemble's log_loss is 0.4, 0.2 better than its members on average (0.6), at 2.0 times their size and 4.0 "
        "times their latency."
    )


def test_a_generation_is_held_against_the_first_teacher():
    company = [model("teacher", 0.5), model("student", 0.6, name="student-1"), model("student", 0.45)]

    assert bought.sentence(company, "log_loss") == (
        "The student's log_loss is 0.45, 0.05 better than its teacher (0.5), at 100 % of its size and 100 % of its "
        "latency."
    )


def test_a_smaller_student_is_held_against_its_like_that_no_one_taught():
    company = [*MEMBERS, ENSEMBLE, model("twin", 0.9), model("student", 0.8)]

    assert bought.sentence(company, "log_loss").endswith(" It is 0.1 better than its like from the labels alone (0.9).")


def test_one_model_alone_bought_nothing():
    assert bought.sentence([], "log_loss") == ""


@pytest.mark.parametrize(
    ("interval", "word"),
    [((0.01, 0.2), "better"), ((-0.2, -0.01), "worse"), ((-0.1, 0.1), "not surely different"), ((None, None), "")],
)
def test_whether_it_is_more_than_chance_is_said_too(interval, word):
    said = bought.certainty([*MEMBERS, ENSEMBLE], "log_loss", interval)

    assert (f"(0.5) the released one is {word}:" in said) if word else said == ""
