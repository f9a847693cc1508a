"""`trek completion`: what makes a shell complete trek's commands, options and revisions."""

from __future__ import annotations

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, say

SHELLS = ("bash", "zsh", "fish")


@click.command(
    short_help="Print the script that makes a shell complete trek.",
    epilog=examples(
        "source <(trek completion bash)            in ~/.bashrc",
        "source <(trek completion zsh)             in ~/.zshrc, after compinit",
        "trek completion fish > ~/.config/fish/completions/trek.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@common
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the script for bash (4.4 or newer), zsh or fish. Commands, options, formats and the revisions of the folder
    are completed then. No database is asked.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - for this alone

    made = get_completion_class(shell)
    assert made is not None
    script = made(context.find_root().command, {}, "trek", "_TREK_COMPLETE").source()
    if given(context).json:
        document({"shell": shell, "script": script})
    else:
        say(script)
