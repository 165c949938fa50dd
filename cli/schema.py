"""`estafet schema`: the run file's JSON Schema."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the run file, for your editor.

    In VS Code: `estafet schema > run.schema.json`, and `# yaml-language-server: $schema=run.schema.json` in run.yaml.
    """
    from estafet.runfile.reference import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
