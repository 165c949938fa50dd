"""The training pipeline: ingest → tune → train → evaluate → if every gate passes: export → deploy."""

from kfp import dsl
from kfp.dsl import Dataset, Input, graph_component

from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.export.component import export
from components.ingest.component import ingest
from components.report_end.component import report_end
from components.train.component import train
from components.tune.component import tune
from components.tune.worker_component import tune_worker
from pipelines.cluster_settings import ClusterSettings, NoCluster

NAME = "estafet-training"
STEPS = ("ingest", "tune", "train", "evaluate", "export", "deploy", "report_end")
TRIES_OF_A_POD = 3
CACHED_STEPS = ("ingest", "tune", "train", "evaluate", "export")
"""Steps that may be reused; the others change the world outside the run."""


def training_pipeline(
    *, tuning: bool = True, tune_pods: int = 0, cluster: ClusterSettings | NoCluster | None = None
) -> graph_component.GraphComponent:
    """Build the training pipeline.

    Args:
        tuning: Whether `tune` is in the graph; without it, `train` starts from the model's own hyperparameters.
        tune_pods: Number of pods that run trials of one study before `tune`, which finds its budget spent and goes on
            with the proof; 0 where `tune` runs the trials itself.
        cluster: What a cluster needs of every step; nothing for a run on this machine.

    Returns:
        The pipeline; its parameters are the settings and fingerprints that `pipelines.arguments` makes.
    """
    cluster = cluster or NoCluster()
    on, on_study = cluster.apply, cluster.apply_storage
    workers = tune_workers(tune_pods, cluster) if tune_pods else None

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
                searched = on_study(tune(**data, settings=tune_settings, code=tune_code))
                if workers:
                    searched.after(workers(**data, settings=tune_settings, code=tune_code))
                hyperparameters = searched.outputs["Output"]
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
                cluster.apply_models(
                    deploy(
                        servable=exported.outputs["servable"],
                        registered_version=exported.outputs["Output"],
                        models_dir=models_dir,
                        settings=deploy_settings,
                    )
                ).set_caching_options(False)

    return pipeline


def tune_workers(num_pods: int, cluster: ClusterSettings | NoCluster) -> graph_component.GraphComponent:
    """Build the part of the pipeline in which several pods run trials of one study.

    It is a pipeline of its own, since Kubeflow lets no task wait for a loop, but for a pipeline with a loop. The loop
    is over the workers' numbers: Kubeflow has none over artifacts. A pod that is lost is started anew, and its trial
    is tried again. Workers are cached as `tune` is: where nothing changed, none is started to find the study done.

    Args:
        num_pods: Number of pods.
        cluster: What a cluster needs of every step.
    """

    @dsl.pipeline(name="tune-workers", description="Pods that run trials of one study.")
    def workers(dataset: Input[Dataset], dataset_version: str, settings: dict, code: str):
        with dsl.ParallelFor(list(range(num_pods)), parallelism=num_pods, name="workers") as worker:
            task = tune_worker(
                dataset=dataset, dataset_version=dataset_version, settings=settings, code=code, worker=worker
            )
            cluster.apply_storage(task).set_retry(TRIES_OF_A_POD, backoff_duration="30s")

    return workers
