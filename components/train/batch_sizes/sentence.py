"""What a comparison of batch sizes found, as one sentence that claims no more than was measured."""

from __future__ import annotations

from components.train.batch_sizes.comparison import Comparison
from components.train.batch_sizes.measured import Measured, better
from estafet.reports import shown

TOO_CLOSE = 0.1
"""Trainings whose times differ by less than this share are not told apart by one seed on a machine that does more."""
NOT_TOLD_APART = "; less than 10 % apart, which one seed cannot tell"


def sentence(comparison: Comparison) -> str:
    """Return what was found, such as `128 reaches … in 41 % of the time of 32; …`.

    The smallest size that reached the target is what the fastest one, and what grows or chooses its batch, are compared
    with, by time and by CPU time; the latter counts first where the machine was busy.
    """
    whole, metric = comparison.whole, comparison.metric
    if len(whole) < 2:
        alone = f"Only {called(whole[0])} came to its end" if whole else "No training came to its end"
        return f"{alone}; there is nothing to compare."
    reached = [one for one in whole if comparison.seconds_to_target(one) is not None]
    best = better(metric)(whole, key=lambda one: one.best(metric))
    goal = f"validation {comparison.words} {shown(comparison.target)}"
    ends = f"best in the end: {called(best)}, with {shown(best.best(metric))}"
    if not reached:
        return f"Nothing reaches {goal} within {len(whole[0].history)} epochs; {ends}."
    if len(reached) == 1:
        return f"Only {called(reached[0])} reaches {goal}; {ends}."
    return f"{_of_times(comparison, reached, goal)}; {ends}."


def _of_times(comparison: Comparison, reached: list[Measured], goal: str) -> str:
    base = reached[0]
    costs = {"time": comparison.seconds_to_target, "CPU time": comparison.cpu_seconds_to_target}
    shares = {name: {one.name: cost(one) / max(cost(base), 1e-9) for one in reached} for name, cost in costs.items()}
    first, other = ("CPU time", "time") if comparison.goes_by_cpu else ("time", "CPU time")
    share, in_brackets = shares[first], shares[other]
    fastest, second, *_ = sorted(reached, key=lambda one: share[one.name])
    told = [one for one in reached if one.kind != "fixed" and one not in (base, fastest)]
    if fastest is base:
        told = [one for one in told if one is not second]
        said = f"{_start(base)} is the fastest to {goal}; {called(second)} takes {_percent(share[second.name])} of its "
        said += f"{first} ({_percent(in_brackets[second.name])} of its {other})"
    else:
        said = f"{_start(fastest)} reaches {goal} in {_percent(share[fastest.name])} of the {first} of {called(base)} "
        said += f"({_percent(in_brackets[fastest.name])} of its {other})"
    said += "".join(
        f"; {called(one)} takes {_percent(share[one.name])} ({_percent(in_brackets[one.name])})" for one in told
    )
    rival = second if fastest is base else base
    return said + (NOT_TOLD_APART if share[fastest.name] > share[rival.name] * (1 - TOO_CLOSE) else "")


def warning(comparison: Comparison) -> str:
    """Say that the machine was busy with something else, where trainings on the CPU waited; nothing otherwise."""
    worst = comparison.worst_waiting
    if worst is None:
        return ""
    return (
        f"The machine was busy: an epoch of {called(worst)} took {shown(worst.epoch_s)} s and had "
        f"{shown(worst.epoch_cpu_s)} s of CPU. Go by the CPU times, or compare again when nothing else runs."
    )


def called(one: Measured) -> str:
    """Return what a training is called within a sentence."""
    return "the schedule" if one.kind == "schedule" else one.name


def _start(one: Measured) -> str:
    name = called(one)
    return name[0].upper() + name[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
