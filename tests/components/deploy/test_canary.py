"""Judging a new version by what the servers count."""

from __future__ import annotations

import pytest

from components.deploy import canary as trial
from components.deploy.canary import judge, watch
from components.deploy.listing import listed
from components.deploy.step import deploy, summary
from estafet.errors import GateRefused
from estafet.runfile.release import Canary
from serving.targets import canary
from serving.targets.canary import Counts, Report
from serving.targets.local import LocalTarget


def counts(num_requests: int, num_errors: int = 0, latency_s: float = 0.010) -> Counts:
    made = Counts()
    for index in range(num_requests):
        made.add(None if index < num_errors else latency_s)
    return made


def report(stable: Counts, tried: Counts, **more) -> Report:
    return Report(id="x", is_ready=True, stable=stable, canary=tried, **more)


SETTINGS = Canary(share=0.1, minutes=5, min_requests=100, max_error_rate=0.02, max_latency_ratio=1.5)


@pytest.mark.parametrize(
    ("stable", "tried", "is_over", "is_good"),
    [
        (counts(1000), counts(100), True, True),
        (counts(1000), counts(100), False, None),
        (counts(1000), counts(99), True, False),
        (counts(1000), counts(100, 3), False, False),
        (counts(1000), counts(100, 2), True, True),
        (counts(1000, 500), counts(100, 51), True, True),
        (counts(1000), counts(10, 4), False, None),
        (counts(1000), counts(8, 5), False, False),
        (counts(1000), counts(100, latency_s=0.020), False, False),
        (counts(1000), counts(100, latency_s=0.013), True, True),
        (counts(0), counts(100, latency_s=9), True, True),
    ],
)
def test_a_version_is_judged_when_it_has_answered_enough_or_is_clearly_broken(stable, tried, is_over, is_good):
    verdict = judge(SETTINGS, [report(stable, tried)], is_over=is_over)

    assert (verdict and verdict.is_good) is is_good


def test_all_servers_count_together():
    each = report(counts(100), counts(50))

    assert judge(SETTINGS, [each], is_over=True).is_good is False
    assert judge(SETTINGS, [each, each], is_over=True).is_good is True


def test_the_median_is_within_a_tenth():
    made = Counts()
    for latency_s in (0.001, 0.010, 0.020, 0.030, 5.0):
        made.add(latency_s)

    assert 0.020 <= made.median_s <= 0.022
    assert Counts().median_s is None


class Clock:
    """A clock that only sleeping moves; something happens at certain seconds."""

    def __init__(self, events=()):
        self.now, self.events = 0.0, dict(events)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for at in [at for at in self.events if at <= self.now]:
            self.events.pop(at)()


def watched(folder, settings, events=()):
    """Watch a canary of version 2 beside 1; the events get the marker."""
    marker = canary.begin(folder, stable=1, canary=2, share=0.5)
    clock = Clock({at: (lambda event=event: event(marker)) for at, event in dict(events).items()})
    verdict = watch(
        settings,
        lambda: canary.read_reports(folder, marker),
        load_timeout_s=90,
        progress=lambda *_: None,
        clock=clock,
        sleep=clock.sleep,
    )
    return verdict, clock.now


def says(folder, server="a", **about):
    def event(marker):
        canary.write_report(folder, server, Report(id=marker.id, **about))

    return event


def test_a_canary_that_nobody_takes_up_does_not_hold_up_the_release(tmp_path):
    verdict, took_s = watched(tmp_path, SETTINGS)

    assert not verdict.is_good
    assert "no server had taken it up" in verdict.reason
    assert took_s == pytest.approx(31)


def test_without_a_least_number_of_requests_it_passes_where_nobody_asks(tmp_path):
    verdict, _ = watched(tmp_path, SETTINGS.model_copy(update={"min_requests": 0}))

    assert verdict.is_good


def test_a_version_that_a_server_cannot_load_is_bad_at_once(tmp_path):
    verdict, took_s = watched(tmp_path, SETTINGS, {3: says(tmp_path, problem="corrupt")})

    assert (verdict.is_good, verdict.reason) == (False, "it does not load: corrupt")
    assert took_s == 3


def test_the_time_begins_when_the_version_answers(tmp_path):
    loading = says(tmp_path)
    ready = says(tmp_path, is_ready=True, stable=counts(200), canary=counts(200))

    verdict, took_s = watched(tmp_path, SETTINGS, {5: loading, 60: ready})

    assert verdict.is_good
    assert took_s == pytest.approx(60 + 300)


def test_reports_of_an_earlier_canary_do_not_count(tmp_path):
    def old(marker):
        canary.write_report(tmp_path, "a", Report(id="earlier", is_ready=True, canary=counts(500)))

    verdict, _ = watched(tmp_path, SETTINGS, {2: old})

    assert "no server had taken it up" in verdict.reason


@pytest.fixture
def tried(monkeypatch, settings, tmp_path):
    """Settings with a canary, and a function that says how it ends."""
    seen = []

    def ends(is_good: bool, reason: str):
        def watching(settings, look, **_):
            marker = canary.read_marker(tmp_path / "toy" / ".release")
            seen.append((marker.stable, marker.canary, marker.share, look()))
            return trial.Verdict(is_good, reason)

        monkeypatch.setattr(trial, "watch", watching)
        return seen

    return settings.model_copy(update={"canary": SETTINGS}), ends


def test_a_good_canary_is_promoted(tmp_path, light_release, untested, tried):
    settings, ends = tried
    seen = ends(True, "1 % failed")
    first = deploy(settings, light_release("a"), tmp_path)
    second = deploy(settings, light_release("b"), tmp_path)

    assert seen == [(1, 2, 0.1, [])]
    assert (first.version, second.version) == (1, 2)
    assert summary(second).endswith(" · canary: 1 % failed")
    assert canary.read_marker(tmp_path / "toy" / ".release") is None


def test_a_bad_canary_is_withdrawn_and_may_be_tried_again(tmp_path, light_release, untested, tried):
    settings, ends = tried
    deploy(settings, light_release("a"), tmp_path)
    bad = light_release("b")
    ends(False, "too slow")

    with pytest.raises(GateRefused, match=r"version 2 was rolled back in its canary: too slow\. Version 1 is served"):
        deploy(settings, bad, tmp_path)
    after, second, first = (
        [(each.number, each.state) for each in listed(LocalTarget(tmp_path, "toy"))],
        *listed(LocalTarget(tmp_path, "toy")),
    )
    ends(True, "fine")
    again = deploy(settings, bad, tmp_path)

    assert after == [(2, "rolled back"), (1, "serving")]
    assert (second.about.rolled_back.reason, first.about.rolled_back) == ("canary: too slow", None)
    assert again.version == 3


def test_a_release_that_is_interrupted_in_its_canary_is_undone_at_once(
    tmp_path, light_release, untested, tried, monkeypatch
):
    settings, _ = tried
    deploy(settings, light_release("a"), tmp_path)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy(settings, light_release("b"), tmp_path)

    assert [(each.number, each.state) for each in listed(LocalTarget(tmp_path, "toy"))] == [
        (2, "rolled back"),
        (1, "serving"),
    ]
