"""Raw data, wherever they are: found, brought here, and looked at as a table or as images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.inspection import target
from cli.inspection.progress import ProgressLine
from cli.inspection.sections import Findings
from components.ingest.sources.find import find
from estafet.runfile import LoadedRunFile
from estafet.runfile.steps import IngestSettings
from estafet.source_schema import SourceSchema
from estafet.storage import local_copies

MOST_DECODED = 20_000
"""Of more images than this only the structure is checked, unless the run file says otherwise."""


def inspect(
    data: str | None, loaded: LoadedRunFile | None, options: Mapping[str, Any], num_rows: int, progress: ProgressLine
) -> tuple[Findings, SourceSchema]:
    """Look at raw data once, and return what there is to say of them, and their schema.

    Args:
        data: A file, folder, glob or `gs://` address; None for the run file's own.
        loaded: The run file that says how they are read, if there is one.
        options: Keys of its `data` section that were given besides.
        num_rows: Number of rows to show as they are.
        progress: Told how far it is.

    Raises:
        ConfigError: The run file or an option is wrong.
        DataError: The data are missing or cannot be read.
        ServiceUnavailable: A bucket does not answer.
    """
    if loaded is None:
        with target.hints_as_options(), local_copies((target.absolute(data),), progress=progress) as paths:
            return _look(Path(data).name, target.settings_of(paths[0], options), num_rows, progress)
    settings = target.settings_of_run(loaded, data, options)
    labels = () if settings.labels is None else (settings.labels,)
    name = Path(settings.source[0]).name
    with local_copies((*settings.source, *labels), progress=progress) as paths:
        local = {"source": paths[: len(settings.source)], "labels": paths[-1] if labels else None}
        return _look(name, settings.model_copy(update=local), num_rows, progress)


def _look(name: str, settings: IngestSettings, num_rows: int, progress: ProgressLine) -> tuple[Findings, SourceSchema]:
    files, data_format = find(settings.source, settings.format, settings.task, has_labels=settings.labels is not None)
    if not target.are_images(files, data_format, settings.task):
        from cli.inspection import table

        seen = table.inspect(files, data_format, settings, num_rows, progress)
        return table.findings(seen, name), seen.source_schema()
    from cli.inspection import pictures
    from cli.inspection.problems import Problems

    problems = Problems()
    listed = pictures.listed(files, data_format, settings, problems)
    bounds = settings.expected.images if settings.expected else None
    few = len(listed.names) <= MOST_DECODED
    is_decoded = settings.check_images == "decode" or (settings.check_images == "auto" and few)
    images = pictures.inspect(listed, problems, bounds, is_decoded, progress)
    return pictures.findings(images, name, data_format), images.source_schema()
