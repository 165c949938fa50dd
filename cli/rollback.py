"""`estafet rollback`: the version before is served again, or another one."""

from __future__ import annotations

import click

from cli.options import load_run_file, run_file_options


@click.command()
@run_file_options
@click.option(
    "--to", type=click.IntRange(0), metavar="N", help="Version to serve; the one before the served one if not given."
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for the list of releases and for MLflow.")
def rollback(run_file: str, profile: str | None, overrides: tuple[str, ...], to: int | None, reason: str) -> None:
    """Serve the version before the served one, or version N, which may be one that was rolled back.

    Running servers go over to it at their next look, without losing a request. The alias `champion` follows. What was
    served until now is kept, and `--to` brings it back; `estafet run` does not release the same model again.
    """
    loaded = load_run_file(run_file, profile, overrides)
    from components.deploy.rollback import roll_back
    from pipelines.workspace import Workspace
    from serving.targets.opening import target_of

    done = roll_back(
        target_of(loaded, progress=lambda message, *_: click.echo(message, err=True)),
        to=to,
        reason=reason,
        uri=Workspace(loaded).tracking_uri(loaded),
        said=lambda message: click.echo(message, err=True),
    )
    taken = ", ".join(map(str, done.withdrawn))
    click.echo(f"version {done.number} of '{loaded.run.name}' is served" + (f"; taken back: {taken}" if taken else ""))
