"""The `monitor` section: when a window of requests counts as drift, and what follows from it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from estafet.runfile.section import Section


class Retrain(Section):
    """What a retraining run does, and the brakes on it."""

    mode: Literal["off", "auto"] = "auto"
    """`auto` starts a training run when the policy says so; `off` only raises the alert."""
    labels: str | None = None
    """CSV file with columns `request_id` and `label`, or a folder of such files, relative to the run file: the labels
    of served requests."""
    min_labels: int = Field(500, ge=0)
    """Number of labelled requests below which no retraining starts."""
    tune: bool = False
    """Whether a retraining run tunes again; otherwise it takes the champion's hyperparameters."""
    cooldown_hours: float = Field(24, ge=0)
    """Hours after a retraining in which no other one starts."""
    max_per_week: int = Field(4, ge=1)
    """Number of retrainings in seven days that is never exceeded."""


class Monitor(Section):
    """When a window of requests counts as drift, and what follows from it."""

    min_rows: int = Field(500, ge=30)
    """Number of requests below which a window is not judged."""
    window_hours: float = Field(24, gt=0)
    """Hours of requests, counted back from now, that one check looks at; requests that an earlier check has judged
    are not judged again."""
    alpha: float = Field(0.001, gt=0, lt=1)
    """Probability of a false finding in a window, corrected for the number of checks."""
    min_effect: float = Field(0.10, gt=0, lt=1)
    """Smallest effect (a distance between distributions, from 0 to 1) that counts."""
    severe_effect: float = Field(0.40, gt=0, le=1)
    """Effect at which one window alone raises the alert."""
    votes: int = Field(2, ge=1)
    """Number of drifting windows that raise the alert …"""
    of_windows: int = Field(3, ge=1)
    """… among this many of the newest ones."""
    report_rows: int = Field(20_000, ge=100)
    """Number of rows that the Evidently page is drawn from, at most."""
    retrain: Retrain = Retrain()
    """What a retraining run does, and the brakes on it."""

    @model_validator(mode="after")
    def _votes_fit(self) -> Monitor:
        if self.votes > self.of_windows:
            raise ValueError(f"votes must not exceed of_windows ({self.votes} > {self.of_windows})")
        return self
