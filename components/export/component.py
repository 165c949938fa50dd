"""The `export` step as a Kubeflow component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def export(
    model: Input[Model],
    model_version: str,
    dataset: Input[Dataset],
    dataset_version: str,
    evaluation: Input[Artifact],
    recipe: str,
    champion: str,
    registry: str,
    settings: dict,
    code: str,
    servable: Output[Model],
) -> str:
    """Write a SavedModel whose signature takes raw features, and register it as the candidate.

    Args:
        model: A trained model, as `train` wrote it.
        model_version: The model's version; part of the cache key.
        dataset: Sharded examples, as `ingest` wrote them.
        dataset_version: The data set's version; part of the cache key.
        evaluation: What `evaluate` wrote.
        recipe: Fingerprint of everything that the model was made from.
        champion: Folder of the served version that it was compared with; empty where there was none.
        registry: Fingerprint of the MLflow store's address; part of the cache key, since a version that is
            registered in one store is not known in another.
        settings: The run file's `export` section, the model, the task and the model's name.
        code: Fingerprint of the step's code; part of the cache key.
        servable: Where the SavedModel goes.

    Returns:
        The version's number in the MLflow registry; empty without MLflow.
    """
    from estafet import telemetry

    with telemetry.step("export", settings=settings) as running:
        from components.export import step

        exported = step.export(
            step.Settings.model_validate(settings),
            model.path,
            dataset.path,
            evaluation.path,
            servable.path,
            provenance={
                "model_version": model_version,
                "dataset_version": dataset_version,
                "recipe": recipe,
                "compared_with": champion,
            },
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(exported))
    return exported.registered_version
