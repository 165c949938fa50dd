"""One worker of the `tune` step as a Kubeflow component, for tuning with several pods."""

from kfp import dsl
from kfp.dsl import Dataset, Input

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def tune_worker(dataset: Input[Dataset], dataset_version: str, settings: dict, code: str, worker: int) -> str:
    """Run trials of the study that all workers share, until its budget ends; nothing is written but into the study.

    Args:
        dataset: Sharded examples, as `ingest` wrote them.
        dataset_version: The data set's version; part of the cache key.
        settings: The run file's `tune` section, the model and the task.
        code: Fingerprint of the step's code; part of the cache key.
        worker: Which worker this is, from 0.

    Returns:
        The study's name in `tune.storage`.
    """
    from estafet import telemetry

    with telemetry.step("tune_worker") as running:
        from components.tune.running import cluster
        from estafet.runfile.steps import TuneSettings

        name = cluster.work(TuneSettings.model_validate(settings), dataset.path, int(worker), progress=running.progress)
        running.result(f"no more trials may begin in the study {name}")
    return name
