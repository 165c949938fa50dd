"""The `train` section: epochs, the batch-size schedule, the optimiser and the distribution strategy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from estafet.runfile.section import Section


class Batch(Section):
    """The batch-size schedule: sizes are global batch sizes, over all replicas."""

    start: int = Field(32, ge=1)
    """Batch size of the first epoch."""
    max: int = Field(256, ge=1)
    """Batch size that is never exceeded."""
    growth: float = Field(2, ge=1)
    """Factor by which the batch grows; 1 keeps it as it is."""
    every_epochs: int = Field(4, ge=1)
    """Number of epochs between two growths."""
    learning_rate_rule: Literal["none", "sqrt", "linear"] = "none"
    """How the learning rate follows the batch: not at all, with its square root, or in proportion."""

    @model_validator(mode="after")
    def _starts_below_its_limit(self) -> Batch:
        if self.start > self.max:
            raise ValueError(f"start must not exceed max ({self.start} > {self.max})")
        return self


class Augment(Section):
    """How training images are changed at random in each epoch, so that the model learns what does not matter."""

    flip: bool = False
    """Whether half of the images are mirrored, left to right; not for letters and digits."""
    shift: float = Field(0, ge=0, le=0.5)
    """Share of height and width by which an image is moved at most; what comes in repeats its edge."""
    crop: float = Field(0, ge=0, lt=1)
    """Share of height and width that is cut off at most; the rest is enlarged. As images are cut while they are
    decoded, they are decoded in each epoch."""
    brightness: float = Field(0, ge=0, le=1)
    """How much brighter or darker an image becomes at most, 1 being the step from black to white."""
    contrast: float = Field(0, ge=0, le=1)
    """By what share the distances from an image's mean grow or shrink at most."""

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self.crop > 0 or self.is_on_batches

    @property
    def is_on_batches(self) -> bool:
        """Whether anything is changed once the images are decoded."""
        return self.flip or max(self.shift, self.brightness, self.contrast) > 0


class Train(Section):
    """Epochs, the batch-size schedule, the optimiser and the distribution strategy."""

    epochs: int = Field(20, ge=1)
    """Number of passes over the training split."""
    batch: Batch = Batch()
    """The batch-size schedule."""
    augment: Augment = Augment()
    """For images: how those of the training split are changed at random; not at all where nothing is set."""
    learning_rate: float = Field(1e-3, gt=0)
    """Learning rate at the start, unless `tune` found a better one."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """The optimiser."""
    strategy: Literal["mirrored", "single"] = "mirrored"
    """`mirrored`: one replica on each GPU (or on the CPU where there is none); `single`: one device."""
    early_stopping_patience: int | None = Field(None, ge=1)
    """Number of epochs without a better validation loss after which training ends and the best weights are kept."""
    seed: int = Field(0, ge=0)
    """Seed of the weights and of the shuffling."""
