"""The `model` section: which Keras model to build, and the hyperparameters that are fixed."""

from __future__ import annotations

from pydantic import Field

from estafet.runfile.section import Section

Hyperparameter = bool | int | float | str


class Model(Section):
    """Which Keras model to build, and the hyperparameters that are fixed."""

    build: str = Field("default", pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")
    """`default` is a small, good model for the task; docs/models.md has the architectures that can be named instead,
    such as `resnet` for images, `mlp` for tables or `gru` for series. `module:function` is your own, found beside the
    run file or installed: `function(spec, hyperparameters)` returns a Keras model that is not compiled."""
    hyperparameters: dict[str, Hyperparameter] = Field(default_factory=dict)
    """Values that `tune` does not search and that win over what it found, such as `{units: 64}`."""
