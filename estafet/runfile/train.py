"""The `train` section: epochs, the batch-size schedule, the optimiser, and the devices to train on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from estafet.runfile.batch import Batch
from estafet.runfile.company import Distill, Ensemble
from estafet.runfile.section import Section


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
    """Epochs, the batch-size schedule, the optimiser, and the devices to train on."""

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
    devices: Literal["auto", "cpu", "gpu", "tpu", "multi-worker"] = "auto"
    """What to train on. `auto` measures a few steps on what this machine has, at the sizes of the schedule, and takes
    the fastest; `gpu` is every GPU there is, one replica on each; `multi-worker` is `workers` processes."""
    workers: int = Field(2, ge=1)
    """With `multi-worker`: number of processes on this machine. On a cluster, TF_CONFIG says it."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    """Numbers to compute with. `auto` is float32 on CPUs, mixed_float16 on GPUs that have units for it, and
    mixed_bfloat16 on TPUs; weights stay float32."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Whether XLA compiles the training step. `auto` measures it where the training is long enough to pay for that."""
    steps_per_execution: int | None = Field(None, ge=1)
    """Number of optimiser steps in one call of TensorFlow; measured or chosen where it is not given."""
    checkpoint_minutes: float = Field(5, gt=0)
    """Minutes after which a checkpoint is saved also within an epoch. One is saved at the end of epochs too, and when
    the process is told to end (SIGTERM)."""
    tensorboard: bool = False
    """Whether logs for TensorBoard are written, into `tensorboard` beside the model."""
    early_stopping_patience: int | None = Field(None, ge=1)
    """Number of epochs without a better validation loss after which training ends and the best weights are kept."""
    seed: int = Field(0, ge=0)
    """Seed of the weights and of the shuffling."""
    ensemble: Ensemble | None = None
    """Several models in place of one."""
    distill: Distill | None = None
    """A student that learns from a teacher."""
