"""Score a candidate on the held-out split, and decide whether it may be released."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.evaluate import baselines, bought, company, comparison, gates, page, reference, scoring
from estafet import release
from estafet.errors import ConfigError, DataError
from estafet.evaluation import ChampionComparison, Evaluation
from estafet.metrics import BY_TASK, Outcome, compute, confusion
from estafet.records.manifest import Manifest
from estafet.records.reading import num_examples, raw_examples
from estafet.runfile.steps import EvaluateSettings as Settings
from estafet.runfile.tasks import Task
from estafet.telemetry import Progress, silent
from estafet.tracking import NullTracker, Tracker

__all__ = ["Settings", "evaluate", "summary"]

SPLIT = "test"
MAX_CLASSES_IN_CONFUSION = 100
NUM_STAGES = 5


def evaluate(
    settings: Settings,
    model_folder: str | Path,
    dataset_folder: str | Path,
    out_folder: str | Path,
    *,
    champion: str | None = None,
    progress: Progress = silent,
    tracker: Tracker | None = None,
) -> Evaluation:
    """Score a candidate on the test split; write evaluation.json (last), report.html, plots and reference.parquet.

    Args:
        settings: The run file's `evaluate` section, the model and the task.
        model_folder: What `train` wrote.
        dataset_folder: What `ingest` wrote.
        out_folder: Where the evaluation goes.
        champion: Folder of the served version to compare with, or None.
        progress: Told what is being done.
        tracker: Told metrics and plots.

    Raises:
        ConfigError: A gate or the headline metric does not exist for this task.
        DataError: The test split is empty.
        StepFailed: The model predicts something that is not a number.
    """
    from estafet.training.trained import Trained, load_model

    tracker = tracker or NullTracker()
    headline = check_metrics(settings)
    manifest = Manifest.load(dataset_folder)
    progress("scoring the candidate", 0, NUM_STAGES)
    model, raw = load_model(model_folder), raw_examples(dataset_folder, SPLIT)
    predictions = scoring.predict(model, dataset_folder, manifest, SPLIT)
    progress("scoring simple models", 1, NUM_STAGES)
    simple = baselines.outcomes(dataset_folder, manifest, raw)
    naive = next(iter(simple.values())).predictions if manifest.task == Task.FORECASTING else None
    candidate = Outcome(manifest.task, raw["label"], predictions, naive)
    progress("comparing with the champion", 2, NUM_STAGES)
    version = Trained.load(model_folder).version
    evaluation = judge(settings, headline, manifest, candidate, simple, version)
    compared = _compare(settings, headline, champion, manifest, raw, candidate)
    around, single = company.score(model_folder, model, dataset_folder, manifest, candidate, progress)
    said = bought.sentence(around, headline)
    if single:
        interval = comparison.bootstrap_interval(candidate, single, metric=headline, block=_block(manifest))
        said += bought.certainty(around, headline, interval)
    evaluation = evaluation.model_copy(update={"champion": compared, "company": around, "bought": said})
    progress("writing the reference", 3, NUM_STAGES)
    parts = [(raw, predictions)]
    if "validation" in reference.splits_to_use(len(candidate), num_examples(manifest, "validation")):
        earlier = scoring.predict(model, dataset_folder, manifest, "validation")
        parts.insert(0, (raw_examples(dataset_folder, "validation"), earlier))
    reference.save(Path(out_folder) / release.REFERENCE_FILE, manifest, parts)
    progress("drawing", 4, NUM_STAGES)
    pictures = page.draw(candidate, manifest, out_folder, baseline=next(iter(simple)))
    page.build(evaluation, pictures, summary(evaluation)).save(Path(out_folder) / release.REPORT_FILE)
    evaluation.save(out_folder)
    _track(tracker, evaluation, [path for path, _ in pictures], Path(out_folder), dataset_folder)
    return evaluation


def judge(
    settings: Settings,
    headline: str,
    manifest: Manifest,
    candidate: Outcome,
    simple: Mapping[str, Outcome],
    model_version: str = "",
) -> Evaluation:
    """Compute the metrics and hold them against the gates.

    Args:
        settings: The run file's `evaluate` section, the model and the task.
        headline: The metric that heads the report.
        manifest: The data set's manifest.
        candidate: The candidate's predictions.
        simple: What simple models predict for the same examples, by name.
        model_version: Fingerprint of the candidate's weights.

    Raises:
        DataError: The headline metric is not defined on these examples.
    """
    metrics = compute(candidate)
    if headline not in metrics:
        raise DataError(
            f"{headline} cannot be computed on the {len(candidate):,} examples of the {SPLIT} split.",
            hint="name another metric in evaluate.metric, or hold out more data with data.split.test.",
        )
    return Evaluation(
        task=manifest.task,
        split=SPLIT,
        num_examples=len(candidate),
        headline=headline,
        metrics=metrics,
        baselines={name: compute(outcome) for name, outcome in simple.items()},
        gates=gates.check(settings.gates, metrics),
        classes=manifest.data_schema.label.classes,
        confusion=_confusion(candidate),
        model_version=model_version,
        dataset_version=manifest.version,
    )


def summary(evaluation: Evaluation) -> str:
    """Return the result in a few words."""
    head = f"{evaluation.headline} {evaluation.headline_value:.4g}"
    failed = [gate for gate in evaluation.gates if not gate.passed]
    if failed:
        reasons = ", ".join(map(str, failed))
        return f"{reasons}: refused" if failed[0].metric == evaluation.headline else f"{head} · {reasons}: refused"
    beside = evaluation.champion
    if beside and not beside.passed:
        return f"{head}, the champion's is {beside.champion:.4g}: refused"
    words = ["gates passed" if len(evaluation.gates) > 1 else "gate passed"] if evaluation.gates else []
    if beside and beside.status == "compared":
        words.append(f"champion {beside.champion:.4g}")
    elif beside:
        words.append("champion not compared")
    return " · ".join([head, *words])


def check_metrics(settings: Settings) -> str:
    """Return the headline metric, having checked that every metric in the settings exists for the task.

    Raises:
        ConfigError: One does not.
    """
    known, headline = BY_TASK[settings.task], settings.metric or settings.task.headline_metric
    for key, name in [("evaluate.metric", headline), *((f"evaluate.gates.{name}", name) for name in settings.gates)]:
        if name not in known:
            raise ConfigError(
                f"{key}: there is no {name} for {settings.task}.", hint=f"take one of {', '.join(known)}."
            )
    return headline


def _compare(
    settings: Settings, headline: str, champion: str | None, manifest: Manifest, raw: dict, candidate: Outcome
) -> ChampionComparison | None:
    if not champion or not settings.compare_with_champion:
        return None
    try:
        served = scoring.champion_outcome(champion, manifest, raw, candidate.naive)
    except DataError as error:
        return comparison.skipped(champion, error.message)
    return comparison.compare(
        candidate,
        served,
        metric=headline,
        max_regression=settings.max_regression,
        folder=champion,
        block=_block(manifest),
    )


def _block(manifest: Manifest) -> int:
    """Return how many neighbouring examples overlap, and are therefore resampled together."""
    window = manifest.window
    return max(1, -(-window.horizon // window.stride)) if window else 1


def _confusion(outcome: Outcome) -> tuple[tuple[int, ...], ...] | None:
    if not outcome.task.is_classification or outcome.predictions.shape[1] > MAX_CLASSES_IN_CONFUSION:
        return None
    return tuple(tuple(row) for row in confusion(outcome).tolist())


def _track(tracker: Tracker, evaluation: Evaluation, pictures: list[Path], out: Path, dataset: str | Path) -> None:
    metrics = {f"{SPLIT}/{name}": value for name, value in evaluation.metrics.items()}
    for name, found in evaluation.baselines.items():
        metrics |= {f"baseline/{name.replace(' ', '_')}/{metric}": value for metric, value in found.items()}
    if evaluation.champion and evaluation.champion.status == "compared":
        metrics |= {f"champion/{name}": value for name, value in evaluation.champion.champion_metrics.items()}
    for companion in evaluation.company:
        measured = {key: getattr(companion, key) for key in company.MEASURED}
        metrics |= {f"company/{companion.name}/{k}": value for k, value in {**companion.metrics, **measured}.items()}
    tracker.log_metrics(metrics)
    if evaluation.bought:
        tracker.log_tags({"estafet.bought": evaluation.bought})
    tracker.log_tags({"estafet.evaluation": summary(evaluation), "estafet.passed": str(evaluation.passed).lower()})
    for path in [*pictures, out / release.REPORT_FILE]:
        tracker.log_file(path, "evaluation")
    tracker.log_dataset(Manifest.load(dataset).name, evaluation.dataset_version, str(dataset), "evaluation")
