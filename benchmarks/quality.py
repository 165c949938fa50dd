"""Claim: on four real data sets, the default models reach the bars that a practitioner would set.

Each example is run from raw data to a release in an empty workspace; the bar is on its held-out split, and baselines
are those that the evaluation itself computed on the same examples. `--quick` measures the two tables
alone, with their quick profiles.
"""

from __future__ import annotations

from claim import conclude, estafet, example, parse

from estafet.evaluation import Evaluation

BARS = {
    "cancer": ("ROC AUC", "≥", 0.985),
    "diabetes": ("RMSE / ridge regression's", "≤", 1.03),
    "digits": ("accuracy", "≥", 0.97),
    "co2": ("error saved against the seasonal-naive forecast", "≥", 0.20),
}


def main() -> None:
    """Run the examples and compare each with its bar."""
    quick = parse(__doc__ or "").quick
    values: dict[str, float] = {}
    for name, (what, sign, bar) in BARS.items():
        if quick and name not in ("cancer", "diabetes"):
            continue
        values[name] = round(measure(name, quick), 4)
        print(f"{name:<10} {what} {values[name]:.4f} (bar {sign} {bar})", flush=True)
    holds = all(
        value >= BARS[name][2] if BARS[name][1] == "≥" else value <= BARS[name][2] for name, value in values.items()
    )
    goal = {name: f"{sign} {bar}" for name, (_, sign, bar) in BARS.items() if name in values}
    conclude("the default models reach the bars on real held-out data", values, goal, holds)


def measure(name: str, quick: bool) -> float:
    """Run an example and return the figure that its bar is about."""
    with example(name) as (run_file, workspace):
        profile = ["--profile", "quick"] if quick else []
        estafet("run", run_file, *profile, "--set", f"workspace={workspace}", "--set", "evaluate.gates={}")
        folder = next(workspace.glob("runs/*/artifacts/*/evaluate/evaluation"))
        evaluation = Evaluation.load(folder)
    metrics = evaluation.metrics
    return {
        "digits": lambda: metrics["accuracy"],
        "cancer": lambda: metrics["roc_auc"],
        "co2": lambda: metrics["skill"],
        "diabetes": lambda: metrics["rmse"] / evaluation.baselines["ridge regression"]["rmse"],
    }[name]()


if __name__ == "__main__":
    main()
