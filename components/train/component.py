"""The `train` step as a Kubeflow component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def train(
    dataset: Input[Dataset],
    dataset_version: str,
    hyperparameters: str,
    settings: dict,
    code: str,
    model: Output[Model],
) -> str:
    """Train a Keras model under a distribution strategy, with a batch-size schedule.

    Args:
        dataset: Sharded examples, as `ingest` wrote them.
        dataset_version: The data set's version; part of the cache key.
        hyperparameters: What `tune` found, as a JSON object; "{}" where it did not run.
        settings: The run file's `train` section, the model and the task.
        code: Fingerprint of the step's code; part of the cache key.
        model: Where the model goes.

    Returns:
        The model's version, a fingerprint of its weights.
    """
    import json

    from estafet import telemetry

    with telemetry.step("train", settings=settings) as running:
        from components.train import step

        scratch = running.scratch(dataset_version, hyperparameters, settings, code)
        trained = step.train(
            step.Settings.model_validate(settings),
            dataset.path,
            model.path,
            hyperparameters=json.loads(hyperparameters),
            scratch=scratch,
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(trained))
    return trained.version
