"""What an ensemble or a student bought: one sentence, and the table that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from estafet.evaluation import Companion, Evaluation
from estafet.runfile.tasks import HIGHER_IS_BETTER

CAPTION = (
    "The same held-out examples for all. Size is that of the .keras file; latency is the median for one example, and "
    "speed that of batches of 64, as compiled functions on the machine that evaluated. The gates judge the last one."
)


def sentence(company: Sequence[Companion], headline: str) -> str:
    """Say what the other models bought the released one; nothing where there are none.

    Args:
        company: As `Evaluation.company`.
        headline: The metric to compare.
    """
    by_role = {
        role: [found for found in company if found.role == role] for role in ("member", "ensemble", "teacher", "twin")
    }
    known = all(headline in found.metrics for found in company)
    if not company or not known:
        return f"{headline} is not defined for all of these models." if company else ""
    released = company[-1]
    if released.role == "ensemble":
        return _of_ensemble(released, by_role["member"], headline)
    untaught = _untaught(released, by_role["twin"], headline)
    if by_role["ensemble"]:
        return _of_student(released, by_role["ensemble"][0], by_role["member"], headline) + untaught
    return _of_generations(released, by_role["teacher"][0], headline) + untaught


def certainty(company: Sequence[Companion], headline: str, interval: tuple[float | None, float | None]) -> str:
    """Say whether the released model differs from a single one by more than chance, in a sentence led by a space.

    Args:
        company: As `Evaluation.company`; the single model, which would have been released otherwise, comes first.
        headline: The metric that was compared.
        interval: Ends of the 95 % interval of the improvement; None where there is none.
    """
    low, high = interval
    if low is None or high is None:
        return ""
    word = "better" if low > 0 else "worse" if high < 0 else "not surely different"
    value = company[0].metrics[headline]
    return (
        f" Beside a single model ({_shown(value)}) the released one is {word}: the 95 % interval of its improvement "
        f"goes from {low:+.3g} to {high:+.3g}."
    )


def rows(evaluation: Evaluation) -> list[dict[str, object]]:
    """Return the table: for each model its metrics, its size and how fast it answers."""
    return [
        {
            "model": f"{found.about} (released)" if found is evaluation.company[-1] else found.about,
            **{name: found.metrics.get(name) for name in evaluation.metrics},
            "parameters": found.num_parameters,
            "kB": round(found.size_bytes / 1000, 1),
            "latency, ms": found.latency_ms,
            "examples/s": found.examples_per_s,
        }
        for found in evaluation.company
    ]


def _of_ensemble(ensemble: Companion, members: Sequence[Companion], headline: str) -> str:
    mean, found = fmean(member.metrics[headline] for member in members), ensemble.metrics[headline]
    times_size = ensemble.size_bytes / fmean(member.size_bytes for member in members)
    times_latency = ensemble.latency_ms / fmean(member.latency_ms for member in members)
    beside = _beside(_gain(found, mean, headline), "its members on average")
    return (
        f"The ensemble's {headline} is {_shown(found)}, {beside} ({_shown(mean)}), at {times_size:.1f} times their "
        f"size and {times_latency:.1f} times their latency."
    )


def _of_student(student: Companion, ensemble: Companion, members: Sequence[Companion], headline: str) -> str:
    mean = fmean(member.metrics[headline] for member in members)
    of_ensemble, found = ensemble.metrics[headline], student.metrics[headline]
    gain, kept = _gain(of_ensemble, mean, headline), _gain(found, mean, headline)
    numbers = f"{headline}: members {_shown(mean)} on average, ensemble {_shown(of_ensemble)}, student {_shown(found)}"
    cost = _cost(student, ensemble, "the ensemble's")
    if gain <= 0:
        return f"The ensemble is {_beside(gain, 'its members on average')}; the student stands {cost} ({numbers})."
    if kept > gain:
        return f"The student is better than the ensemble that taught it, {cost} ({numbers})."
    share = f"keeps {_percent(kept, gain)}" if kept > 0 else "keeps nothing"
    return f"The student {share} of the ensemble's gain over its members, {cost} ({numbers})."


def _of_generations(student: Companion, teacher: Companion, headline: str) -> str:
    found, before = student.metrics[headline], teacher.metrics[headline]
    beside = _beside(_gain(found, before, headline), "its teacher")
    return (
        f"The student's {headline} is {_shown(found)}, {beside} ({_shown(before)}), {_cost(student, teacher, 'its')}."
    )


def _untaught(student: Companion, twins: Sequence[Companion], headline: str) -> str:
    """Say what the student owes to its teacher, where its like was trained without one."""
    if not twins:
        return ""
    alone = twins[0].metrics[headline]
    beside = _beside(_gain(student.metrics[headline], alone, headline), "its like from the labels alone")
    return f" It is {beside} ({_shown(alone)})."


def _cost(student: Companion, teacher: Companion, whose: str) -> str:
    size, latency = (_percent(getattr(student, key), getattr(teacher, key)) for key in ("size_bytes", "latency_ms"))
    return f"at {size} of {whose} size and {latency} of its latency"


def _gain(found: float, before: float, headline: str) -> float:
    """Return how much better a value is; negative where it is worse."""
    return found - before if HIGHER_IS_BETTER[headline] else before - found


def _beside(gain: float, others: str) -> str:
    if not gain:
        return f"the same as {others}"
    return f"{_shown(abs(gain))} {'better' if gain > 0 else 'worse'} than {others}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %"


def _shown(value: float) -> str:
    return f"{value:.4g}"
