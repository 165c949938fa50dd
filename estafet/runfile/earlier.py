"""What a search is told of an earlier one: its complete trials, in the few words that it can learn from."""

from __future__ import annotations

from estafet.runfile.model import Hyperparameter
from estafet.runfile.section import Section


class EarlierTrial(Section):
    """One configuration that an earlier search trained to its end."""

    number: int
    """Its number there."""
    hyperparameters: dict[str, Hyperparameter]
    metrics: dict[str, float]
    """What was measured of it, on the earlier data."""


class EarlierStudy(Section):
    """What an earlier search leaves to learn from."""

    dataset_version: str
    """The data that its trials were measured on."""
    num_incomplete: int
    """How many more trials it had, which were pruned or failed."""
    trials: tuple[EarlierTrial, ...]
    """Those that were trained to their end."""
