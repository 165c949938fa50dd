"""What a cluster needs of every step, beyond the step itself: an image and an active deadline."""

from dataclasses import dataclass

from kfp import dsl, kubernetes


@dataclass(frozen=True)
class ClusterSettings:
    """What a cluster needs of every step.

    Attributes:
        image: Container image that the step runs in.
        timeout_s: Seconds after which a step that is still running is ended. Without this active deadline, a missing
            image or secret leaves a run in the state RUNNING for ever.
        tracking_uri: MLflow tracking server as the cluster's pods reach it; nothing is tracked where it is not given.
    """

    image: str
    timeout_s: int
    tracking_uri: str | None = None

    def apply(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Give a task of a pipeline the image, the deadline and the tracking server."""
        task.set_container_image(self.image)
        kubernetes.set_timeout(task, self.timeout_s)
        if self.tracking_uri:
            task.set_env_variable("MLFLOW_TRACKING_URI", self.tracking_uri)
        return task


class NoCluster:
    """The settings of a run on this machine: the steps as they are."""

    def apply(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Leave the task as it is."""
        return task
