"""The models: a small, good default for each task, and the user's own by `module:function`."""

from estafet.training.models.building import build, default_hyperparameters, search_space
from estafet.training.models.spec import ModelSpec

__all__ = ["ModelSpec", "build", "default_hyperparameters", "search_space"]
