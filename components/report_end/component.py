"""The exit handler as a Kubeflow component: it runs whether the pipeline succeeded or not."""

from kfp import dsl

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def report_end(name: str, notify: dict, status: dsl.PipelineTaskFinalStatus):
    """Tell whoever wants to know that the run has ended, and how.

    Args:
        name: The model's name.
        notify: The run file's `notify` section.
        status: How the pipeline ended.
    """
    from estafet import telemetry

    with telemetry.step("report_end") as running:
        from components.report_end import step

        ended = step.report_end(
            name, state=status.state, error=status.error_message or "", webhook=notify.get("webhook")
        )
        running.result(step.summary(ended))
