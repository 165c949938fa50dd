"""The `estafet` command: it finds a command's module when it is called, and turns errors into words and statuses."""

from __future__ import annotations

import importlib
import shutil
import sys
import textwrap

import click

from estafet import __version__
from estafet.errors import EstafetError
from estafet.process import end_quickly

COMMANDS = {
    "run": ("cli.run:run", "Run the training pipeline on this machine."),
    "explain": ("cli.explain:explain", "Say which steps would run, and why."),
    "init": ("cli.init:init", "Look at data and write a run file that runs."),
    "inspect": ("cli.inspect:inspect", "Say what raw data or an ingested data set hold, and what is wrong."),
    "batch-sizes": ("cli.batch_sizes:batch_sizes", "Compare batch sizes: time, metric and memory of each."),
    "train-workers": ("cli.train_workers:train_workers", "Train one model with several processes or machines."),
    "serve": ("cli.serve:serve", "Serve the newest version of the model over REST and gRPC."),
    "predict": ("cli.predict:predict", "Ask a running model server about the rows of a file."),
    "load": ("cli.load:load", "Measure a running model server under load."),
    "releases": ("cli.releases:releases", "List the released versions: which is served, and what became of the rest."),
    "rollback": ("cli.rollback:rollback", "Serve the version before, or another one."),
    "monitor": ("cli.monitor:monitor", "Compare the served requests with the training data; retrain on drift."),
    "retrain": ("cli.retrain:retrain", "Approve or reject the retraining that drift asks for; list them."),
    "experiments": ("cli.experiments:experiments", "Open MLflow's page on this run file's store."),
    "compile": ("cli.compile:compile_command", "Write a pipeline as Kubeflow IR YAML."),
    "submit": ("cli.submit:submit", "Submit the training pipeline to a Kubeflow cluster."),
    "schema": ("cli.schema:schema", "Print the run file's JSON Schema."),
    "doctor": ("cli.doctor:doctor", "Say what this machine has and lacks."),
    "completion": ("cli.completion:completion", "Print the shell completion script."),
}
"""Each command, where it lives and its line in `--help`, so that help needs none of their imports."""


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Name the commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, context: click.Context, args: list[str]):
        """Find a command, and name the closest one where there is none."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if near:
                error.message += f" Did you mean '{near[0]}'?"
            raise


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="estafet")
def estafet() -> None:
    """One run file takes raw data to a model that is served and watched.

    \b
    estafet inspect DATA             say what they hold, and what is wrong with them
    estafet init DATA                look at the data, write run.yaml
    estafet run run.yaml             ingest, tune, train, evaluate, export, deploy
    estafet serve run.yaml           answer requests, and log them
    estafet monitor check run.yaml   find drift, retrain
    """


def main() -> None:
    """Run the command; an error of ours ends it with its own words and exit status."""
    end_quickly()
    try:
        estafet(standalone_mode=True)
    except EstafetError as error:
        _say(error)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        sys.exit(_end_on_full_disk(error))


def _end_on_full_disk(error: Exception) -> int:
    """Say that the disk is full, whoever met it first; any other error is a mistake of ours and keeps its traceback."""
    from estafet import telemetry

    described = telemetry.describe(error)
    if "traceback" in described:
        raise error
    full = telemetry.rebuild(described)
    _say(full)
    return full.exit_status


def _say(error: EstafetError) -> None:
    text = f"error: {error}"
    if sys.stderr.isatty():
        text = between_words(text, shutil.get_terminal_size().columns)
    click.echo(text, err=True)


def between_words(text: str, width: int) -> str:
    """Break lines between words, where a terminal would break them anywhere; a path stays whole, to be copied."""
    whole = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": "  "}
    return "\n".join(textwrap.fill(line, width, drop_whitespace=True, **whole) for line in text.splitlines())


if __name__ == "__main__":
    main()
