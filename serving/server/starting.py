"""Starts a server from tensorflow_model_server's flags, and ends as that one does where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from serving.server import flags
from serving.server.models import Models
from serving.server.running import run
from serving.server.status import StatusError

FAILED = 255


def serve(arguments: Sequence[str], *, say: Callable[[str], None] = print) -> int:
    """Serve by flags until the process is told to stop.

    Args:
        arguments: The command line.
        say: Takes the lines for a person.

    Returns:
        The exit status: 255 where the server cannot start.

    Raises:
        EstafetError: A flag's value is wrong, or a port is taken.
    """
    given = flags.read(arguments)
    if given.values["version"]:
        say(f"TensorFlow ModelServer: estafet {metadata.version('estafet')}")
        say(f"TensorFlow Library: {metadata.version('tensorflow')}")
        return 0
    for remark in flags.remarks(given):
        say(remark)
    if given.unknown:
        say(flags.usage())
    try:
        options = flags.options_of(given)
        run(options, say=say, ready=lambda models, url: _greet(say, models, url, options.requests_dir))
    except StatusError as error:
        say(f"Failed to start server. Error: {error}")
        sys.stdout.flush()
        return FAILED
    return 0


def _greet(say: Callable[[str], None], models: Models, url: str, requests_dir: Path | None) -> None:
    from serving.server.greeting import greeting

    say("\n".join(greeting(models, url, requests_dir)))
