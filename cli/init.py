"""`estafet init`: looks at data and writes a run file that runs."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import click

from estafet.errors import ConfigError

TASKS = ("image_classification", "tabular_classification", "tabular_regression", "forecasting")
FAR_AWAY = os.path.join("..", "..", "..", "")
COMMON_STEMS = ("data", "dataset", "train", "training", "images", "table", "csv", "raw")


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", default="run.yaml", show_default=True, metavar="FILE", type=click.Path(path_type=Path))
@click.option("--task", type=click.Choice(TASKS), help="What the model is asked to do, if it is not as guessed.")
@click.option("--label", metavar="COLUMN", help="Column to predict, if it is not as guessed.")
@click.option("--force", is_flag=True, help="Write over a run file that is there.")
def init(data: Path, output: Path, task: str | None, label: str | None, force: bool) -> None:
    """Look at DATA and write a commented run file that runs as it is.

    DATA is a CSV or Parquet file, a folder of such files, a folder with one folder of images for each class, a folder
    of images with a CSV file of their classes in it or beside it, or an .npz file.
    """
    from cli.proposal.guess import guess
    from cli.proposal.look import look
    from cli.proposal.text import run_file_text
    from estafet.runfile.tasks import Task

    _refuse_what_cannot_be(data, output, force)
    made = guess(look(data, label), task=Task(task) if task else None, label=label)
    if "labels" in made.data:
        path, why = made.data["labels"]
        made.data["labels"] = (_seen_from(output, path), why)
    _write(output, run_file_text(_name(data), _seen_from(output, made.source or data), made))

    click.echo(f"{output}: written.")
    click.echo(f"  task   {made.task.value}: {made.why}")
    for key in ("labels", "label", "time", "series_by", "ignore", "split", "window"):
        value, why = made.data.get(key, (None, ""))
        if value is not None:
            click.echo(f"  {key:6} {_shown(value)}{f' ({why})' if why else ''}")
    for note in made.notes:
        click.echo(f"  note   {note}")
    click.echo(f"next: estafet run {output}")


def _refuse_what_cannot_be(data: Path, output: Path, force: bool) -> None:
    if "://" in str(data) or re.match(r"(gs|s3|https?):/", str(data)):
        raise ConfigError(
            f"'{data}' is not on this machine.",
            hint="copy some of it here, run `estafet init` on that, and set data.source to the address afterwards.",
        )
    if output.is_dir():
        raise ConfigError(f"'{output}' is a folder.", hint=f"name a file: -o {output / 'run.yaml'}")
    if output.exists() and not force:
        raise ConfigError(
            f"'{output}' is there already.", hint="write another file with -o FILE, or write over it with --force."
        )


def _seen_from(output: Path, path: Path) -> str:
    """Return a path as the run file gives it: relative to its folder, unless that is far away."""
    relative = os.path.relpath(path.resolve(), output.resolve().parent)
    return str(path.resolve()) if relative.startswith(FAR_AWAY) else relative


def _name(data: Path) -> str:
    """Make a model's name of the file's or folder's, or of the folder above where that one says nothing."""
    data = data.resolve()
    stem = data.name.split(".")[0] if data.is_file() else data.name
    if stem.lower() in COMMON_STEMS and data.parent.name:
        stem = data.parent.name
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    name = name if name[:1].isalpha() else f"model-{name}".rstrip("-")
    return name[:63].rstrip("-")


def _write(output: Path, text: str) -> None:
    """Write the run file once it has been read back without an error."""
    from estafet.files import replacing
    from estafet.runfile import load

    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / output.name
        trial.write_text(text, encoding="utf-8")
        load(trial)
    with replacing(output) as file:
        file.write(text)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
