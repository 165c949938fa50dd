"""The `deploy` step as a Kubeflow component; it changes the world, so it is never cached."""

from kfp import dsl
from kfp.dsl import Input, Model

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def deploy(servable: Input[Model], registered_version: str, models_dir: str, settings: dict) -> str:
    """Publish a numbered version after a smoke test, and make it the champion.

    Args:
        servable: A SavedModel, as `export` wrote it.
        registered_version: The version's number in the MLflow registry; empty without MLflow.
        models_dir: Folder with one sub-folder for each served model.
        settings: The run file's `deploy` section and the model's name.

    Returns:
        The number under which the version is served.
    """
    from estafet import telemetry

    with telemetry.step("deploy") as running:
        from components.deploy import step

        deployed = step.deploy(
            step.Settings.model_validate(settings),
            servable.path,
            models_dir,
            registered_version=registered_version,
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(deployed))
    return str(deployed.version)
