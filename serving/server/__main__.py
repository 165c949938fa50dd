"""The model server as a process: `python -m serving.server --models-dir DIR --name NAME`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from estafet.errors import EstafetError
from serving.server.options import TOKEN_VARIABLE, Options
from serving.server.running import run
from serving.server.status import StatusError

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--models-dir", type=FOLDER, required=True, help="Folder with one sub-folder for each model.")
@click.option("--name", "names", multiple=True, required=True, help="A model; may be given several times.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8501, show_default=True, type=click.IntRange(0, 65535), help="REST port; 0: a free one."
)
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="gRPC port; 0: a free one; none where not given.")
@click.option("--requests-dir", type=FOLDER, help="Where requests are logged; not at all where it is not given.")
@click.option("--log-sample-rate", default=1.0, show_default=True, type=click.FloatRange(0, 1))
@click.option("--log-flush-s", default=5.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--log-max-bytes", default=10 * 2**30, show_default=True, type=click.IntRange(1))
@click.option("--log-json", is_flag=True, help="Write the server's own log as one JSON object a line.")
@click.option("--poll-s", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--announce", type=click.Path(dir_okay=False, path_type=Path), help="File to write the address into.")
@click.option("--parent-pid", type=int, help="End when this process, the parent, is gone.")
def main(**values: object) -> None:
    """Serve models over TensorFlow Serving's REST interface, and over gRPC where a port is given."""
    options = Options(**values, token=os.environ.get(TOKEN_VARIABLE) or None)
    try:
        run(options, ready=lambda models, url: _greet(options, models, url))
    except EstafetError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except StatusError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _greet(options: Options, models: object, url: str) -> None:
    from serving.server.greeting import greeting

    print("\n".join(greeting(models, url, options.requests_dir)), flush=True)


def _end_at_once(status: int | str | None) -> None:
    """End without tearing the interpreter down, which takes seconds once TensorFlow is loaded; all is in order."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        _end_at_once(end.code)
