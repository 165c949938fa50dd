"""Options that name a model server, and the client that they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import load_run_file
from estafet.errors import ConfigError

if TYPE_CHECKING:
    from estafet.runfile import LoadedRunFile
    from serving.client import Client

_FILE = click.Path(exists=True, dir_okay=False)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url, --model and what else says which server is asked, and how."""
    for decorate in (
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the run file."),
        click.option("--profile", metavar="NAME", help="Profile of the run file to apply."),
        click.option("--key", type=_FILE, help="The private key of --cert (PEM)."),
        click.option("--cert", type=_FILE, help="This client's own certificate (PEM), where the server asks for one."),
        click.option("--ca", type=_FILE, help="The authority of the server's certificate (PEM)."),
        click.option("--signature", default="serving_default", show_default=True, help="Signature to call."),
        click.option("--label", help="Label of the version to ask, such as stable."),
        click.option("--version", type=click.IntRange(min=0), help="Version to ask; the newest without it."),
        click.option("--model", metavar="NAME", help="The model; the run file's, or the only one of the server."),
        click.option("--url", help="http(s)://HOST:PORT for REST, grpc(s)://HOST:PORT; the run file's without it."),
    ):
        command = decorate(command)
    return command


@dataclass(frozen=True)
class Target:
    """The server that the options name.

    Attributes:
        url: Its address.
        model: The model to ask.
        loaded: The run file, where one was given.
        options: Values of the options of `server_options`.
    """

    url: str
    model: str
    loaded: LoadedRunFile | None
    options: dict[str, Any]

    @property
    def csv(self) -> dict[str, str]:
        """How the run file's CSV is written, as `read_rows` takes it; without one, as usual."""
        return (
            {} if self.loaded is None else {key: getattr(self.loaded.run.data, key) for key in ("delimiter", "decimal")}
        )

    def client(self, *, timeout_s: float, retries: int) -> Client:
        """Return a client of that model.

        Raises:
            ConfigError: The address or a certificate cannot be used.
        """
        from serving.client import Client

        return Client(
            self.url,
            self.model,
            version=self.options["version"],
            label=self.options["label"],
            timeout_s=timeout_s,
            retries=retries,
            tls=_tls(self.options),
        )


def is_run_file(path: str) -> bool:
    """Whether an argument is a run file, by its name."""
    return Path(path).suffix.lower() in (".yaml", ".yml")


def target(run_file: str | None, options: dict[str, Any]) -> Target:
    """Find the server and the model.

    Args:
        run_file: The run file, where one was given.
        options: Values of the options of `server_options`.

    Raises:
        ConfigError: Neither a run file nor --url says where the server is, or several models are served.
        ServiceUnavailable: The server is asked for its models, and does not answer.
    """
    if run_file is None and (options["overrides"] or options["profile"]):
        raise ConfigError("--set and --profile change a run file, and none is given.", hint="put RUN.yaml first.")
    loaded = load_run_file(run_file, options["profile"], options["overrides"]) if run_file else None
    url = options["url"] or _url_of(loaded)
    return Target(url, options["model"] or (loaded.run.name if loaded else _only_model(url, options)), loaded, options)


def _url_of(loaded: LoadedRunFile | None) -> str:
    if loaded is None:
        raise ConfigError("no server is named.", hint="give the run file that it serves, or --url http://HOST:PORT.")
    settings = loaded.run.serve
    if settings.port == 0:
        raise ConfigError("serve.port is 0, so the server's port is not known.", hint="give it with --url.")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _only_model(url: str, options: dict[str, Any]) -> str:
    from serving.client.client import served_names

    names = served_names(url, tls=_tls(options))
    if len(names) != 1:
        raise ConfigError(f"{url} serves {len(names)} models: {', '.join(names)}.", hint="name one with --model.")
    return names[0]


def _tls(options: dict[str, Any]) -> Any:
    from serving.client import Tls

    return Tls(options["ca"], options["cert"], options["key"])
