"""What a cluster needs of every step, beyond the step itself: an image and an active deadline; and of some a secret."""

from dataclasses import dataclass

from kfp import dsl, kubernetes

PASSWORD_VARIABLE = "PGPASSWORD"
"""Where PostgreSQL's own library looks for a password that is not in the address."""


@dataclass(frozen=True)
class ClusterSettings:
    """What a cluster needs of every step.

    Attributes:
        image: Container image that the step runs in.
        timeout_s: Seconds after which a step that is still running is ended. Without this active deadline, a missing
            image or secret leaves a run in the state RUNNING for ever.
        tracking_uri: MLflow tracking server as the cluster's pods reach it; nothing is tracked where it is not given.
        storage_secret: Kubernetes Secret with the password of `tune.storage`: `NAME` or `NAME/KEY`.
        models_claim: PersistentVolumeClaim with the served models, where they are not in a bucket.
        models_dir: Path at which it is mounted.
    """

    image: str
    timeout_s: int
    tracking_uri: str | None = None
    storage_secret: str | None = None
    models_claim: str | None = None
    models_dir: str | None = None

    def apply(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Give a task of a pipeline the image, the deadline and the tracking server."""
        task.set_container_image(self.image)
        kubernetes.set_timeout(task, self.timeout_s)
        if self.tracking_uri:
            task.set_env_variable("MLFLOW_TRACKING_URI", self.tracking_uri)
        return task

    def apply_storage(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Give a task that works on the study the same, and the password of the study's storage."""
        if self.storage_secret:
            name, _, key = self.storage_secret.partition("/")
            kubernetes.use_secret_as_env(task, name, {key or "password": PASSWORD_VARIABLE})
        return self.apply(task)

    def apply_models(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Give a task that releases models the same, and the volume that they go to."""
        if self.models_claim:
            kubernetes.mount_pvc(task, pvc_name=self.models_claim, mount_path=self.models_dir)
        return self.apply(task)


class NoCluster:
    """The settings of a run on this machine: the steps as they are."""

    def apply(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Leave the task as it is."""
        return task

    def apply_storage(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Leave the task as it is; on this machine, steps inherit the environment."""
        return task

    def apply_models(self, task: dsl.PipelineTask) -> dsl.PipelineTask:
        """Leave the task as it is."""
        return task
