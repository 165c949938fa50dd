"""Compiles a pipeline to Kubeflow's intermediate representation: typed parameters, no path of this machine."""

from __future__ import annotations

import warnings
from pathlib import Path

from kfp import compiler

from estafet.errors import ConfigError
from estafet.files import replacing
from estafet.runfile import RunFile
from estafet.runfile.release import LOCAL
from estafet.runfile.study_storage import is_server
from pipelines.cluster_settings import ClusterSettings
from pipelines.monitoring import monitoring_pipeline
from pipelines.training import training_pipeline

PIPELINES = ("training", "monitoring")


def compile_pipeline(run: RunFile, path: str | Path, *, pipeline: str = "training") -> Path:
    """Write a pipeline of a run file as IR YAML.

    Only the graph, the image, the deadline, and the names of secrets and of the models' volume come from the run file:
    settings and data are parameters. Where `tune.storage` is a server and there are several `tune.workers`, each worker
    is a pod.

    Args:
        run: The run file.
        path: The file to write, ending in .yaml; it appears whole or not at all.
        pipeline: `training` or `monitoring`.

    Returns:
        The file.

    Raises:
        ConfigError: The path does not end in .yaml, or there is no such pipeline.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"a compiled pipeline is a .yaml file, not '{path}'.", hint=f"write to {path}.yaml.")
    cluster = ClusterSettings(
        run.cluster.image,
        round(run.cluster.timeout_hours * 3600),
        run.cluster.tracking_uri,
        run.cluster.storage_secret,
        run.deploy.servers.volume_claim if run.deploy.target != LOCAL else None,
        run.deploy.models_dir,
    )
    if pipeline == "training":
        graph = training_pipeline(tuning=run.tune.enabled, tune_pods=_tune_pods(run), cluster=cluster)
    elif pipeline == "monitoring":
        graph = monitoring_pipeline(cluster=cluster)
    else:
        raise ConfigError(f"there is no pipeline '{pipeline}'.", hint=f"choose one of {', '.join(PIPELINES)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.draft.yaml")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiler.Compiler().compile(graph, package_path=str(draft))
        with replacing(path) as file:
            file.write(draft.read_text(encoding="utf-8"))
    finally:
        draft.unlink(missing_ok=True)
    return path


def _tune_pods(run: RunFile) -> int:
    """Return how many pods run trials before the step `tune` goes on; 0 where its own pod runs them all."""
    is_shared = run.tune.storage is not None and is_server(run.tune.storage)
    return run.tune.workers if run.tune.enabled and is_shared and run.tune.workers > 1 else 0
