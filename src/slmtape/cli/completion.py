"""`slmtape completion`: what a shell needs to complete commands, keys and directories."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that has SHELL complete commands, options, keys of recordings and models.

    \b
    bash:  eval "$(slmtape completion bash)"                     in ~/.bashrc
    zsh:   eval "$(slmtape completion zsh)"                      in ~/.zshrc
    fish:  slmtape completion fish > ~/.config/fish/completions/slmtape.fish
    """
    kind = get_completion_class(shell)
    assert kind
    click.echo(kind(ctx.find_root().command, {}, "slmtape", "_SLMTAPE_COMPLETE").source())
