"""The `detect_drift` step as a Kubeflow component; it reads what was served until now, so it is never cached."""

from kfp import dsl
from kfp.dsl import Artifact, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def detect_drift(
    models_dir: str, requests_dir: str, state_dir: str, notify: dict, settings: dict, report: Output[Artifact]
) -> bool:
    """Compare the served requests with the training data, and decide whether to retrain.

    Args:
        models_dir: Folder with one sub-folder for each served model.
        requests_dir: The request log, as the model server wrote it.
        state_dir: Folder in which earlier windows, alerts and retrainings are remembered.
        notify: The run file's `notify` section.
        settings: The run file's `monitor` section, the model's name and the task.
        report: Where the report goes: JSON, and pages to look at.

    Returns:
        Whether the policy asks for a retraining run.
    """
    from estafet import telemetry

    with telemetry.step("detect_drift") as running:
        from components.detect_drift import step

        verdict = step.detect_drift(
            step.Settings.model_validate(settings),
            models_dir,
            requests_dir,
            state_dir,
            report.path,
            webhook=notify.get("webhook"),
            progress=running.progress,
            tracker=running.tracker,
        )
        running.result(step.summary(verdict))
    return verdict.retrain
