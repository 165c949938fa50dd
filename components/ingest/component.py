"""The `ingest` step as a Kubeflow component."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from components.image import STEP_IMAGE


@dsl.component(base_image=STEP_IMAGE, install_kfp_package=False)
def ingest(settings: dict, source_fingerprint: str, code: str, dataset: Output[Dataset]) -> str:
    """Turn raw data into sharded TFRecord files with a manifest and a schema.

    Args:
        settings: The run file's `data` section with absolute sources, and the task.
        source_fingerprint: Fingerprint of the source files; part of the cache key.
        code: Fingerprint of the step's code; part of the cache key.
        dataset: Where the data set goes.

    Returns:
        The data set's version, a fingerprint of its contents.
    """
    from estafet import telemetry

    with telemetry.step("ingest", settings=settings) as running:
        from components.ingest import step

        manifest = step.ingest(
            step.Settings.model_validate(settings),
            dataset.path,
            scratch=running.scratch(settings["source"], settings.get("labels")),
            progress=running.progress,
            tracker=running.tracker,
        )
        dataset.metadata["version"] = manifest.version
        running.result(step.summary(manifest))
    return manifest.version
