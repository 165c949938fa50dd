"""The `tune` step as a Kubeflow component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def tune(dataset: Input[Dataset], dataset_version: str, settings: dict, code: str, study: Output[Artifact]) -> str:
    """Search hyperparameters with Optuna on a subsample of the training split.

    Args:
        dataset: Sharded examples, as `ingest` wrote them.
        dataset_version: The data set's version; part of the cache key.
        settings: The run file's `tune` section, the model and the task.
        code: Fingerprint of the step's code; part of the cache key.
        study: Where the trials go: JSON, a page and plots.

    Returns:
        The best hyperparameters, as a JSON object.
    """
    from estafet import telemetry

    with telemetry.step("tune", settings=settings) as running:
        from components.tune import step

        scratch = running.scratch(dataset_version, settings, code)
        result = step.tune(
            step.Settings.model_validate(settings),
            dataset.path,
            study.path,
            scratch=scratch,
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(result))
    return result.hyperparameters_json
