"""The training pipeline: ingest → tune → train → evaluate → if every gate passes: export → deploy."""

from kfp import dsl
from kfp.dsl import graph_component

from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.export.component import export
from components.ingest.component import ingest
from components.report_end.component import report_end
from components.train.component import train
from components.tune.component import tune
from pipelines.cluster_settings import ClusterSettings, NoCluster

NAME = "estafet-training"
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy", "report_end")
CACHED_STEPS = ("ingest", "tune", "train", "evaluate", "export")
"""Steps that may be reused; the others change the world outside the run."""


def training_pipeline(
    *, tuning: bool = True, cluster: ClusterSettings | NoCluster | None = None
) -> graph_component.GraphComponent:
    """Build the training pipeline.

    Args:
        tuning: Whether `tune` is in the graph; without it, `train` starts from the model's own hyperparameters.
        cluster: What a cluster needs of every step; nothing for a run on this machine.

    Returns:
        The pipeline; its parameters are the settings and fingerprints that `pipelines.arguments` makes.
    """
    on = (cluster or NoCluster()).apply

    @dsl.pipeline(name=NAME, description="From raw data to a served model, by way of a gate.")
    def pipeline(
        name: str,
        notify: dict,
        source_fingerprint: str,
        recipe: str,
        champion: str,
        champion_fingerprint: str,
        registry: str,
        models_dir: str,
        ingest_settings: dict,
        tune_settings: dict,
        train_settings: dict,
        evaluate_settings: dict,
        export_settings: dict,
        deploy_settings: dict,
        ingest_code: str,
        tune_code: str,
        train_code: str,
        evaluate_code: str,
        export_code: str,
    ):
        end = on(report_end(name=name, notify=notify)).set_caching_options(False)
        with dsl.ExitHandler(end, name="relay"):
            raw = on(ingest(settings=ingest_settings, source_fingerprint=source_fingerprint, code=ingest_code))
            data = {"dataset": raw.outputs["dataset"], "dataset_version": raw.outputs["Output"]}
            hyperparameters = "{}"
            if tuning:
                hyperparameters = on(tune(**data, settings=tune_settings, code=tune_code)).outputs["Output"]
            trained = on(train(**data, hyperparameters=hyperparameters, settings=train_settings, code=train_code))
            model = {"model": trained.outputs["model"], "model_version": trained.outputs["Output"]}
            scored = on(
                evaluate(
                    **model,
                    **data,
                    champion=champion,
                    champion_fingerprint=champion_fingerprint,
                    settings=evaluate_settings,
                    code=evaluate_code,
                )
            )
            with dsl.If(scored.outputs["Output"] == True, name="gate"):  # noqa: E712 (a condition for the compiler)
                exported = on(
                    export(
                        **model,
                        **data,
                        evaluation=scored.outputs["evaluation"],
                        recipe=recipe,
                        champion=champion,
                        registry=registry,
                        settings=export_settings,
                        code=export_code,
                    )
                )
                on(
                    deploy(
                        servable=exported.outputs["servable"],
                        registered_version=exported.outputs["Output"],
                        models_dir=models_dir,
                        settings=deploy_settings,
                    )
                ).set_caching_options(False)

    return pipeline
