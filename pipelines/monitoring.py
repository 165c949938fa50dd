"""The monitoring pipeline: detect_drift → if the policy says so: retrain."""

from kfp import dsl
from kfp.dsl import graph_component

from components.detect_drift.component import detect_drift
from components.report_end.component import report_end
from components.retrain.component import retrain
from pipelines.cluster_settings import ClusterSettings, NoCluster

NAME = "estafet-monitoring"
STEPS = ("detect_drift", "retrain", "report_end")


def monitoring_pipeline(*, cluster: ClusterSettings | NoCluster | None = None) -> graph_component.GraphComponent:
    """Build the monitoring pipeline.

    Args:
        cluster: What a cluster needs of every step; nothing for a run on this machine.

    Returns:
        The pipeline; its parameters are those that `pipelines.arguments` makes.
    """
    on = (cluster or NoCluster()).apply

    @dsl.pipeline(
        name=NAME, description="Served requests against the training data; a training run where they drifted."
    )
    def pipeline(
        name: str,
        notify: dict,
        models_dir: str,
        requests_dir: str,
        state_dir: str,
        run_file: str,
        overrides: list,
        profile: str,
        detect_drift_settings: dict,
    ):
        end = on(report_end(name=name, notify=notify)).set_caching_options(False)
        with dsl.ExitHandler(end, name="watch"):
            places = {"models_dir": models_dir, "requests_dir": requests_dir, "state_dir": state_dir}
            drift = on(detect_drift(**places, notify=notify, settings=detect_drift_settings))
            drift.set_caching_options(False)
            with dsl.If(drift.outputs["Output"] == True, name="policy"):  # noqa: E712 (a condition for the compiler)
                on(
                    retrain(
                        report=drift.outputs["report"],
                        run_file=run_file,
                        overrides=overrides,
                        profile=profile,
                        **places,
                        settings=detect_drift_settings,
                    )
                ).set_caching_options(False)

    return pipeline
