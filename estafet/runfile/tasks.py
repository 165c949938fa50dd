"""The tasks that Estafet knows, the metric that heads each one's report, and the one that training is judged by."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """What the model is asked to do."""

    IMAGE_CLASSIFICATION = "image_classification"
    TABULAR_CLASSIFICATION = "tabular_classification"
    TABULAR_REGRESSION = "tabular_regression"
    FORECASTING = "forecasting"

    @property
    def is_classification(self) -> bool:
        """Whether the label is one of a fixed set of classes."""
        return self in (Task.IMAGE_CLASSIFICATION, Task.TABULAR_CLASSIFICATION)

    @property
    def headline_metric(self) -> str:
        """The metric that decides, unless the run file names another."""
        return {
            Task.IMAGE_CLASSIFICATION: "accuracy",
            Task.TABULAR_CLASSIFICATION: "roc_auc",
            Task.TABULAR_REGRESSION: "rmse",
            Task.FORECASTING: "mae",
        }[self]


HIGHER_IS_BETTER = {
    "accuracy": True,
    "balanced_accuracy": True,
    "roc_auc": True,
    "f1_macro": True,
    "r2": True,
    "skill": True,
    "log_loss": False,
    "rmse": False,
    "mae": False,
    "mape": False,
}
"""Every metric that `evaluate` can compute, and whether more of it is better."""

_OF_CLASSES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss")
METRICS_OF: dict[Task, tuple[str, ...]] = {
    Task.IMAGE_CLASSIFICATION: _OF_CLASSES,
    Task.TABULAR_CLASSIFICATION: _OF_CLASSES,
    Task.TABULAR_REGRESSION: ("rmse", "mae", "r2", "mape"),
    Task.FORECASTING: ("mae", "rmse", "mape", "skill"),
}
"""The metrics of each task, in the order in which they are reported."""

JUDGED_BY = {
    Task.IMAGE_CLASSIFICATION: "log_loss",
    Task.TABULAR_CLASSIFICATION: "log_loss",
    Task.TABULAR_REGRESSION: "rmse",
    Task.FORECASTING: "mae",
}
"""The metric, without any weight penalty, whose validation value decides early stopping and tuning; less is better."""
