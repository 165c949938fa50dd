"""The pictures of an evaluation, one PNG each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estafet.files import replacing
from estafet.metrics import Outcome, confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE = "#1c2430", "#5b6675", "#d5dbe3"
BLUE, ORANGE, GREY = "#2563a8", "#d9772b", "#9aa5b1"
MAX_CLASSES_IN_MATRIX = 30
MAX_CLASSES_WITH_NUMBERS = 12
MAX_POINTS = 5_000
MAX_FORECAST_STEPS = 240
MAX_CALIBRATION_BINS = 10
MIN_EXAMPLES_IN_BIN = 20
DPI = 144


def confusion_matrix(outcome: Outcome, classes: tuple[str, ...], path: str | Path) -> Path:
    """Draw which classes are taken for which, in shares of the true class; the 30 most frequent classes at most."""
    counts_CC = confusion(outcome)
    kept = np.sort(np.argsort(-counts_CC.sum(axis=1), kind="stable")[:MAX_CLASSES_IN_MATRIX])
    counts_CC = counts_CC[np.ix_(kept, kept)]
    shares_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.4 + 0.42 * len(kept), 4.2, 11))
    with _figure(path, (side + 1.2, side), "Confusion matrix") as axes:
        image = axes.imshow(shares_CC, cmap="Blues", vmin=0, vmax=1)
        names = [_short(classes[c]) for c in kept]
        turned = max(map(len, names)) > 3 and sum(map(len, names)) > 24
        axes.set_xticks(range(len(kept)), names, rotation=45 if turned else 0, ha="right" if turned else "center")
        axes.set_yticks(range(len(kept)), names)
        axes.set(xlabel="Predicted class", ylabel="True class")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.grid(False)
        if len(kept) <= MAX_CLASSES_WITH_NUMBERS:
            for (row, column), count in np.ndenumerate(counts_CC):
                colour = "white" if shares_CC[row, column] > 0.5 else SOFT if count == 0 else INK
                axes.text(column, row, f"{count:,}" if count else "·", ha="center", va="center", color=colour)
        bar = axes.figure.colorbar(image, ax=axes, fraction=0.046, pad=0.04, format="{x:.0%}")
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)
        bar.ax.tick_params(colors=SOFT, labelsize=9)
        bar.set_label("Share of the true class", color=SOFT)
    return Path(path)


def calibration(outcome: Outcome, path: str | Path) -> Path:
    """Draw how often the model is right against how sure it says it is, in bins of equally many examples."""
    confidence_N = outcome.predictions.max(axis=1)
    right_N = outcome.predictions.argmax(axis=1) == outcome.labels
    num_bins = int(np.clip(len(outcome) // MIN_EXAMPLES_IN_BIN, 1, MAX_CALIBRATION_BINS))
    bins = np.array_split(np.argsort(confidence_N, kind="stable"), num_bins)
    sure = np.array([confidence_N[part].mean() for part in bins])
    right = np.array([right_N[part].mean() for part in bins])
    sizes = np.array([len(part) for part in bins])
    low, high = _wilson(right * sizes, sizes)
    with _figure(path, (5.4, 4.6), "Calibration") as axes:
        start = max(0.0, np.floor(10 * min(sure.min(), low.min())) / 10)
        axes.plot([start, 1], [start, 1], "--", color=GREY, linewidth=1.2, label="Perfectly calibrated")
        errors = np.maximum([right - low, high - right], 0)
        axes.errorbar(sure, right, yerr=errors, fmt="o-", color=BLUE, ecolor=LINE, elinewidth=2, markersize=5,
                      label="Model, with 95 % interval")  # fmt: skip
        axes.set(xlabel="Confidence", ylabel="Share that is right", xlim=(start, 1.01), ylim=(start, 1.02))
        axes.legend(loc="lower right", frameon=False)
    return Path(path)


def predicted_against_actual(outcome: Outcome, label: str, path: str | Path) -> Path:
    """Draw each prediction against the true value."""
    chosen = _thinned(len(outcome))
    actual, predicted = outcome.labels[chosen], outcome.predictions[chosen]
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    margin = 0.04 * (high - low or 1)
    with _figure(path, (5.4, 5.0), "Predicted against actual") as axes:
        axes.plot([low - margin, high + margin], [low - margin, high + margin], "--", color=GREY, linewidth=1.2,
                  label="Perfect prediction")  # fmt: skip
        axes.scatter(actual, predicted, s=18, color=BLUE, alpha=_alpha(len(chosen)), linewidths=0, label="Example")
        axes.set(xlabel=f"Actual {_short(label, 40)}", ylabel=f"Predicted {_short(label, 40)}")
        axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
        axes.legend(loc="upper left", frameon=False)
    return Path(path)


def residuals(outcome: Outcome, label: str, path: str | Path) -> Path:
    """Draw the errors over the predictions, where a trend or a funnel shows what the model has not learned."""
    chosen = _thinned(len(outcome))
    predicted = outcome.predictions[chosen]
    with _figure(path, (5.4, 4.2), "Residuals") as axes:
        axes.axhline(0, linestyle="--", color=GREY, linewidth=1.2)
        axes.scatter(predicted, outcome.labels[chosen] - predicted, s=18, color=BLUE, alpha=_alpha(len(chosen)),
                     linewidths=0)  # fmt: skip
        axes.set(xlabel=f"Predicted {_short(label, 40)}", ylabel="Actual − predicted")
    return Path(path)


def forecast_against_actual(outcome: Outcome, label: str, path: str | Path, *, baseline: str) -> Path:
    """Draw the newest windows: the forecast one step ahead, the baseline's, and what came."""
    shown = slice(max(0, len(outcome) - MAX_FORECAST_STEPS), None)
    windows = np.arange(len(outcome))[shown]
    with _figure(path, (9.0, 4.2), "First step of each forecast, newest windows") as axes:
        axes.plot(windows, outcome.labels[shown, 0], color=INK, linewidth=1.8, label="Actual")
        axes.plot(windows, outcome.predictions[shown, 0], color=BLUE, linewidth=1.8, label="Forecast")
        axes.plot(windows, outcome.naive[shown, 0], color=ORANGE, linewidth=1.2, linestyle="--",
                  label=baseline.capitalize())  # fmt: skip
        axes.set(xlabel="Window of the held-out split", ylabel=_short(label, 40))
        axes.legend(loc="best", frameon=False, ncols=3)
    return Path(path)


def error_by_step(outcome: Outcome, path: str | Path, *, baseline: str) -> Path:
    """Draw how the error grows with the distance of the forecast."""
    steps = np.arange(1, outcome.labels.shape[1] + 1)
    with _figure(path, (9.0, 3.6), "Mean absolute error by distance") as axes:
        for predictions, colour, style, name in (
            (outcome.predictions, BLUE, "o-", "Forecast"),
            (outcome.naive, ORANGE, "o--", baseline.capitalize()),
        ):
            axes.plot(steps, np.abs(predictions - outcome.labels).mean(axis=0), style, color=colour, markersize=4,
                      label=name)  # fmt: skip
        axes.set(xlabel="Steps ahead", ylabel="Mean absolute error", ylim=(0, None))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="best", frameon=False, ncols=2)
    return Path(path)


@contextmanager
def _figure(path: str | Path, size_inch: tuple[float, float], title: str) -> Iterator[Axes]:
    """Give a pair of axes in Estafet's style, and save their figure when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inch, dpi=DPI, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=SOFT, labelsize=9)
    axes.xaxis.label.set_color(SOFT)
    axes.yaxis.label.set_color(SOFT)
    axes.grid(color=LINE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    yield axes
    with replacing(path, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _wilson(hits: np.ndarray, sizes: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of a share (Wilson, "Probable inference, the law of succession")."""
    share, denominator = hits / sizes, 1 + z**2 / sizes
    centre = (share + z**2 / (2 * sizes)) / denominator
    half = z / denominator * np.sqrt(share * (1 - share) / sizes + z**2 / (4 * sizes**2))
    return centre - half, centre + half


def _thinned(num_examples: int) -> np.ndarray:
    return np.unique(np.linspace(0, num_examples - 1, min(num_examples, MAX_POINTS)).astype(int))


def _alpha(num_points: int) -> float:
    return float(np.clip(60 / np.sqrt(max(num_points, 1)) / 4, 0.25, 0.8))


def _short(name: str, most: int = 14) -> str:
    name = name.replace("$", r"\$")
    return name if len(name) <= most else f"{name[: most - 1]}…"
