"""The metrics of each task, from labels and predictions; fast enough to be resampled a thousand times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from estafet.runfile.tasks import METRICS_OF, Task

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Outcome:
    """What was true and what was predicted, example by example.

    Attributes:
        task: What the model is asked to do.
        labels: Classification: class index (N,); regression: (N,); forecasting: (N, horizon).
        predictions: Classification: probabilities (N, C); otherwise of the labels' shape.
        naive: For forecasting: the seasonal-naive forecast, of the labels' shape.
    """

    task: Task
    labels: np.ndarray
    predictions: np.ndarray
    naive: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Outcome:
        """Return these examples, in this order, repeated where an index is."""
        naive = None if self.naive is None else self.naive[indices]
        return replace(self, labels=self.labels[indices], predictions=self.predictions[indices], naive=naive)


def accuracy(outcome: Outcome) -> float:
    """Return the share of examples whose most probable class is the true one."""
    return float(np.mean(_predicted(outcome) == outcome.labels))


def balanced_accuracy(outcome: Outcome) -> float:
    """Return the mean of the classes' recalls, over the classes that occur."""
    true_C, _, hit_C = _counts(outcome)
    occurs = true_C > 0
    return float(np.mean(hit_C[occurs] / true_C[occurs]))


def f1_macro(outcome: Outcome) -> float:
    """Return the mean of the classes' F1 scores, over the classes that occur or are predicted."""
    true_C, predicted_C, hit_C = _counts(outcome)
    counted = true_C + predicted_C > 0
    return float(np.mean(2 * hit_C[counted] / (true_C + predicted_C)[counted]))


def log_loss(outcome: Outcome) -> float:
    """Return the mean cross-entropy in nats; a probability of 0 counts as the smallest step of float32."""
    probability_N = outcome.predictions[np.arange(len(outcome)), outcome.labels].astype(np.float64)
    return float(-np.mean(np.log(np.clip(probability_N, SMALLEST_PROBABILITY, 1))))


def roc_auc(outcome: Outcome) -> float:
    """Return the area under the ROC curve: of the second of two classes, or the mean of one class against the rest.

    Returns:
        The area, or NaN where only one class occurs. A class that does not occur is left out of the mean.

    Source:
        The Mann–Whitney statistic: Hanley and McNeil, "The meaning and use of the area under a ROC curve".
    """
    num_classes = outcome.predictions.shape[1]
    positives = [1] if num_classes == 2 else range(num_classes)
    areas = [_area(outcome.labels == c, outcome.predictions[:, c]) for c in positives]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def rmse(outcome: Outcome) -> float:
    """Return the root of the mean squared error, in the label's unit."""
    return float(np.sqrt(np.mean(_errors(outcome) ** 2)))


def mae(outcome: Outcome) -> float:
    """Return the mean absolute error, in the label's unit."""
    return float(np.mean(np.abs(_errors(outcome))))


def mape(outcome: Outcome) -> float:
    """Return the mean absolute error as a share of the label's size, or NaN where a label is 0."""
    labels = outcome.labels.astype(np.float64)
    return float(np.mean(np.abs(_errors(outcome) / labels))) if np.all(labels) else float("nan")


def r2(outcome: Outcome) -> float:
    """Return the share of the labels' variance that is explained, or NaN where they do not vary."""
    labels = outcome.labels.astype(np.float64)
    spread = np.sum((labels - labels.mean()) ** 2)
    return float(1 - np.sum(_errors(outcome) ** 2) / spread) if spread else float("nan")


def skill(outcome: Outcome) -> float:
    """Return 1 − MAE / MAE of the seasonal-naive forecast: 1 is perfect, 0 no better; NaN where that one is perfect."""
    if outcome.naive is None:
        return float("nan")
    of_naive = mae(replace(outcome, predictions=outcome.naive))
    return 1 - mae(outcome) / of_naive if of_naive else float("nan")


METRICS: dict[str, Callable[[Outcome], float]] = {
    function.__name__: function
    for function in (accuracy, balanced_accuracy, f1_macro, log_loss, roc_auc, rmse, mae, mape, r2, skill)
}
BY_TASK = METRICS_OF
"""The metrics of each task, in the order in which they are reported."""


def compute(outcome: Outcome) -> dict[str, float]:
    """Return every metric of the task that these examples allow; one that is not defined on them is left out."""
    found = {name: METRICS[name](outcome) for name in BY_TASK[outcome.task]}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def confusion(outcome: Outcome) -> np.ndarray:
    """Return the number of examples by true class (row) and predicted class (column), int64 (C, C)."""
    num_classes = outcome.predictions.shape[1]
    pairs = outcome.labels.astype(np.int64) * num_classes + _predicted(outcome)
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def _predicted(outcome: Outcome) -> np.ndarray:
    return outcome.predictions.argmax(axis=1)


def _counts(outcome: Outcome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each class, how often it occurs, is predicted, and is predicted rightly."""
    num_classes, predicted_N = outcome.predictions.shape[1], _predicted(outcome)
    hits = outcome.labels[predicted_N == outcome.labels]
    return tuple(np.bincount(found, minlength=num_classes) for found in (outcome.labels, predicted_N, hits))


def _errors(outcome: Outcome) -> np.ndarray:
    return outcome.predictions.astype(np.float64) - outcome.labels.astype(np.float64)


def _area(positive_N: np.ndarray, scores_N: np.ndarray) -> float:
    num_positive = int(positive_N.sum())
    num_negative = len(positive_N) - num_positive
    if not num_positive or not num_negative:
        return float("nan")
    _, group_N, size_G = np.unique(scores_N, return_inverse=True, return_counts=True)
    rank_G = np.cumsum(size_G) - (size_G - 1) / 2  # ties share the mean of their ranks
    above = rank_G[group_N][positive_N].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))
