"""The target on a cluster that a run file names."""

from __future__ import annotations

from estafet.runfile.release import KSERVE, Deploy, Servers
from estafet.telemetry import Progress
from serving.targets.cluster.api import connect
from serving.targets.cluster.kserve import KServe
from serving.targets.cluster.shelves import open_shelf
from serving.targets.cluster.target import ClusterTarget
from serving.targets.cluster.tensorflow_serving import TensorFlowServing


def open_cluster_target(settings: Deploy, models_dir: str, name: str, *, progress: Progress) -> ClusterTarget:
    """Return where a model's versions go on a cluster.

    Raises:
        ConfigError: The cluster's client is not installed, or no cluster is configured.
    """
    servers, is_kserve = settings.servers, settings.target == KSERVE
    cluster = connect(servers.context, servers.namespace)
    shelf = open_shelf(models_dir, name, nests=is_kserve, claim=servers.volume_claim)

    def servers_of(settings: Servers) -> KServe | TensorFlowServing:
        if is_kserve:
            return KServe(cluster, name, settings, shelf, progress)
        return TensorFlowServing(cluster, name, settings, shelf, models_dir, progress)

    return ClusterTarget(name, cluster, shelf, servers, servers_of, progress)
