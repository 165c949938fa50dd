"""The `monitor` section: when a window of requests counts as drift, who is told, and what follows from it."""

from __future__ import annotations

import re
from datetime import time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from estafet.runfile.section import Section

QUIET_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


class Window(Section):
    """Which requests are judged together."""

    min_rows: int = Field(500, ge=30)
    """Number of requests below which a window is not judged; they are judged with those that follow."""
    hours: float = Field(24, gt=0)
    """Hours of requests, counted back from now, that one check looks at; requests that an earlier check has judged
    are not judged again."""


class Detect(Section):
    """What counts as a finding in a window."""

    alpha: float = Field(0.001, gt=0, lt=1)
    """Probability of a false finding in a window, corrected for the number of checks."""
    min_effect: float = Field(0.09, gt=0, lt=1)
    """Smallest effect (a distance between distributions, from 0 to 1) that counts."""
    domain: bool = True
    """Whether a classifier tries to tell the requests from the training data: it alone sees columns that no longer go
    together as they did."""
    report_rows: int = Field(20_000, ge=100)
    """Number of rows that the Evidently page is drawn from, at most."""


class Policy(Section):
    """When findings become an incident, and when an incident a retraining run."""

    votes: int = Field(2, ge=1)
    """Number of windows with findings that open an incident …"""
    of_windows: int = Field(3, ge=1)
    """… among this many of the newest ones."""
    severe_effect: float = Field(0.40, gt=0, le=1)
    """Effect at which one window alone opens it."""
    clean_windows: int = Field(3, ge=1)
    """Number of windows without a finding, one after another, that close it."""
    retrain: Literal["auto", "approve", "off"] = "auto"
    """`auto` starts a training run as soon as nothing stands against it, `approve` waits for `estafet retrain approve`,
    and `off` only tells of the drift."""
    min_labels: int = Field(500, ge=0)
    """Number of fresh labelled requests below which no retraining starts."""
    cooldown_hours: float = Field(24, ge=0)
    """Hours after a retraining in which no other one starts; twice as many after each one that did not help."""
    max_per_day: int = Field(2, ge=1)
    """Number of retrainings in 24 hours that is never exceeded."""
    max_per_week: int = Field(4, ge=1)
    """Number of retrainings in seven days that is never exceeded."""
    budget_hours: float | None = Field(None, gt=0)
    """Hours that retrainings may take together in seven days; without end where it is not given."""
    quiet_hours: str | None = None
    """Hours of the day in which no retraining starts, as `22:00-06:00`."""
    timezone: str = "UTC"
    """Time zone of `quiet_hours`, as `Europe/Berlin`."""

    @field_validator("quiet_hours")
    @classmethod
    def _are_two_times(cls, given: str | None) -> str | None:
        if given is not None:
            quiet_times(given)
        return given

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"there is no time zone '{given}'; write one as Europe/Berlin, or UTC") from error
        return given

    @model_validator(mode="after")
    def _votes_fit(self) -> Policy:
        if self.votes > self.of_windows:
            raise ValueError(f"votes must not exceed of_windows ({self.votes} > {self.of_windows})")
        return self


class Receiver(Section):
    """One that is told of incidents."""

    to: Literal["cloudevents", "webhook", "slack", "alertmanager", "file"]
    """`cloudevents` and `webhook` take our events (`webhook` with a signature), `slack` an incoming webhook's message,
    `alertmanager` Prometheus' Alertmanager; `file` adds lines of JSON to a file."""
    url: str | None = None
    """Where it listens; for `alertmanager` its root, such as `http://alertmanager:9093`."""
    url_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the address, in place of `url`: Slack's addresses are secrets."""
    secret_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the secret by which `webhook` is signed."""
    path: str | None = None
    """The file, relative to the run file."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Receiver:
        if self.to == "file":
            if self.path is None or self.url or self.url_env:
                raise ValueError("a file needs path, and neither url nor url_env")
            return self
        if (self.url is None) == (self.url_env is None):
            raise ValueError(f"{self.to} needs either url or url_env, the name of a variable that holds the address")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must start with http:// or https:// (it is '{self.url}')")
        if (self.to == "webhook") != (self.secret_env is not None):
            raise ValueError(
                "webhook needs secret_env, the name of a variable that holds its secret"
                if self.to == "webhook"
                else f"{self.to} takes no secret_env; only webhook is signed"
            )
        return self


class Retrain(Section):
    """What a retraining run does."""

    tune: bool = False
    """Whether it tunes again; otherwise it takes the champion's hyperparameters."""


class Monitor(Section):
    """When a window of requests counts as drift, who is told, and what follows from it."""

    labels: str | None = None
    """CSV file with columns `request_id` and `label`, or a folder of such files, relative to the run file: the labels
    of served requests."""
    window: Window = Window()
    detect: Detect = Detect()
    policy: Policy = Policy()
    alerts: tuple[Receiver, ...] = ()
    """Who is told of incidents, beside `notify.webhook`."""
    retrain: Retrain = Retrain()


def quiet_times(given: str) -> tuple[time, time]:
    """Return the first and the last time of quiet hours.

    Args:
        given: As `22:00-06:00`.

    Raises:
        ValueError: It is not of this form, or no time.
    """
    found = QUIET_HOURS.fullmatch(given)
    if found is None:
        raise ValueError(f"quiet_hours must be of the form 22:00-06:00 (it is '{given}')")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    if max(first_hour, last_hour) > 23 or max(first_minute, last_minute) > 59:
        raise ValueError(f"quiet_hours must be two times of the day, as 22:00-06:00 (it is '{given}')")
    first, last = time(first_hour, first_minute), time(last_hour, last_minute)
    if first == last:
        raise ValueError(f"quiet_hours must begin and end at two times (it is '{given}')")
    return first, last
