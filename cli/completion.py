"""`estafet completion`: the shell completion script."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: estafet completion bash >> ~/.bashrc
    zsh:  estafet completion zsh >> ~/.zshrc
    fish: estafet completion fish > ~/.config/fish/completions/estafet.fish
    """
    from click.shell_completion import get_completion_class

    from cli.main import estafet

    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"there is no completion for '{shell}'.")
    click.echo(found(estafet, {}, "estafet", "_ESTAFET_COMPLETE").source())
