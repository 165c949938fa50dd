"""The `retrain` step as a Kubeflow component; it starts a training run, so it is never cached."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def retrain(
    report: Input[Artifact],
    run_file: str,
    overrides: list,
    profile: str,
    models_dir: str,
    requests_dir: str,
    state_dir: str,
    settings: dict,
    outcome: Output[Artifact],
) -> str:
    """Start a training run on the old data and on the labelled requests.

    Args:
        report: What `detect_drift` wrote.
        run_file: The run file to run.
        overrides: Overrides that the monitoring run was started with, such as `train.epochs=5`.
        profile: The run file's profile; empty for none.
        models_dir: Folder with one sub-folder for each served model.
        requests_dir: The request log, as the model server wrote it.
        state_dir: Folder in which earlier windows, alerts and retrainings are remembered.
        settings: The run file's `monitor` section, the model's name and the task.
        outcome: Where the outcome goes, as JSON.

    Returns:
        How it went: deployed, kept (the champion stays) or skipped.
    """
    from estafet import telemetry

    with telemetry.step("retrain") as running:
        from components.retrain import step

        result = step.retrain(
            step.Settings.model_validate(settings),
            report.path,
            run_file,
            overrides,
            profile or None,
            models_dir,
            requests_dir,
            state_dir,
            outcome.path,
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(result))
    return result.outcome
