"""What is compared: a training with each fixed size, and one with the run file's own schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from estafet.errors import ConfigError
from estafet.runfile.batch import Batch
from estafet.runfile.steps import TrainSettings

Kind = Literal["fixed", "schedule", "auto"]
EXPONENTS = {"none": 0.0, "sqrt": 0.5, "linear": 1.0}
"""For each learning-rate rule, the power of the size with which the learning rate grows."""
USUAL_SIZES = (32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Candidate:
    """One of the trainings that are compared.

    Attributes:
        name: What people call it, such as `64`, `32 → 256` or `auto`.
        kind: fixed, schedule or auto.
        settings: How to train.
    """

    name: str
    kind: Kind
    settings: TrainSettings

    @property
    def key(self) -> str:
        """A name for its files."""
        return self.name if self.kind == "fixed" else self.kind


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return the sizes that were typed, such as `32,64,128`, in their order.

    Raises:
        ConfigError: One is no whole number of at least 1, or stands there twice.
    """
    sizes: list[int] = []
    for part in text.split(","):
        try:
            size = int(part)
        except ValueError as error:
            raise ConfigError(
                f"--sizes is '{text}', and '{part.strip()}' is not a whole number.",
                hint="give sizes with commas between them, such as --sizes 32,64,128.",
            ) from error
        if size < 1:
            raise ConfigError(f"--sizes holds {size}, and a batch has at least 1 example.", hint=f"leave {size} out.")
        if size in sizes:
            raise ConfigError(f"--sizes holds {size} twice.", hint="give each size once.")
        sizes.append(size)
    return tuple(sizes)


def usual_sizes(num_examples: int) -> tuple[int, ...]:
    """Return the sizes that are compared where none were typed: the usual ones that the training split can fill."""
    return tuple(size for size in USUAL_SIZES if size <= num_examples) or (num_examples,)


def check_sizes(sizes: Sequence[int], num_examples: int, share: float = 1.0) -> None:
    """Refuse sizes that the training split cannot fill.

    Args:
        sizes: The sizes.
        num_examples: Number of training examples.
        share: Share of the training split that these are.

    Raises:
        ConfigError: A size is larger.
    """
    if max(sizes) > num_examples:
        part = f"{share:.0%} of the training split" if share < 1 else "the training split"
        more = " or take a larger --share" if share < 1 else ""
        raise ConfigError(
            f"--sizes holds {max(sizes):,}, and {part} has {num_examples:,} examples.",
            hint=f"give sizes up to {num_examples}{more}.",
        )


def candidates_of(
    settings: TrainSettings, sizes: Sequence[int], *, rule: str = "none", with_auto: bool = False
) -> list[Candidate]:
    """Return what is compared: the fixed sizes, the smallest first, then the run file's schedule, then auto.

    All take the same number of epochs, without early stopping, so that their curves can be compared. A run file whose
    batch has one size throughout has no schedule; its size is compared with the others.

    Args:
        settings: The run file's `train` section, the model and the task.
        sizes: The fixed sizes.
        rule: How the learning rate follows a fixed size, from the run file's at its first size: none, sqrt or linear.
        with_auto: Whether `batch: auto` is compared too, from the run file's first size, which its rate belongs to.
    """
    settings = settings.model_copy(update={"early_stopping_patience": None, "tensorboard": False})
    own, start, rate = settings.batch, first_size(settings), first_rate(settings)
    if own.is_fixed:
        sizes = {*sizes, start}
    found = []
    for size in sorted(sizes):
        scaled = rate * (size / start) ** EXPONENTS[rule]
        found.append(Candidate(str(size), "fixed", _with(settings, Batch(start=size, limit=size), scaled)))
    if not own.is_fixed and own.when != "auto":
        by = "" if own.when == "epochs" else f", {own.when}"
        found.append(Candidate(f"{min(start, own.limit)} → {own.limit}{by}", "schedule", settings))
    if with_auto or own.when == "auto":
        usual = Batch.model_validate("auto")
        auto = own if own.when == "auto" else Batch(when="auto", start=start, limit=max(start, usual.limit))
        found.append(Candidate("auto", "auto", _with(settings, auto, rate)))
    return found


def first_size(settings: TrainSettings) -> int:
    """Return the batch size of the first epoch: the model's hyperparameter wins over `train.batch.start`."""
    return int(settings.model.hyperparameters.get("batch_size", settings.batch.start))


def first_rate(settings: TrainSettings) -> float:
    """Return the learning rate at that size: the model's hyperparameter wins over `train.learning_rate`."""
    return float(settings.model.hyperparameters.get("learning_rate", settings.learning_rate))


def _with(settings: TrainSettings, batch: Batch, learning_rate: float) -> TrainSettings:
    """Return settings with another batch and learning rate, over which no hyperparameter wins."""
    kept = {k: v for k, v in settings.model.hyperparameters.items() if k not in ("batch_size", "learning_rate")}
    model = settings.model.model_copy(update={"hyperparameters": kept})
    return settings.model_copy(update={"batch": batch, "learning_rate": learning_rate, "model": model})
