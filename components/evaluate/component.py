"""The `evaluate` step as a Kubeflow component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def evaluate(
    model: Input[Model],
    model_version: str,
    dataset: Input[Dataset],
    dataset_version: str,
    champion: str,
    champion_fingerprint: str,
    settings: dict,
    code: str,
    evaluation: Output[Artifact],
) -> bool:
    """Score a candidate on the held-out split and decide whether it may be deployed.

    Args:
        model: A trained model, as `train` wrote it.
        model_version: The model's version; part of the cache key.
        dataset: Sharded examples, as `ingest` wrote them.
        dataset_version: The data set's version; part of the cache key.
        champion: Folder of the served version to compare with; empty where there is none.
        champion_fingerprint: Fingerprint of that version; part of the cache key.
        settings: The run file's `evaluate` section, the model and the task.
        code: Fingerprint of the step's code; part of the cache key.
        evaluation: Where the evaluation goes: JSON, a page, plots and the reference for drift detection.

    Returns:
        Whether every gate passed.
    """
    from estafet import telemetry

    with telemetry.step("evaluate", settings=settings) as running:
        from components.evaluate import step

        result = step.evaluate(
            step.Settings.model_validate(settings),
            model.path,
            dataset.path,
            evaluation.path,
            champion=champion or None,
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(result))
    return result.passed
