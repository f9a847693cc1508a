"""What `trek --help` and each command's `--help` say, as docs/commands.md shows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from trek_core.cli._app import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/commands.md"
WIDTH = 88
_WRITTEN = re.compile(r"(?<=<!-- written by TREK_WRITE_COMMANDS=1 -->\n).*(?=<!-- end -->)", re.DOTALL)


def contexts(command: click.Command = cli, parent: click.Context | None = None) -> Iterator[click.Context]:
    """The command and those below it, however deep."""
    name = command.name if parent else "trek"
    # click keeps the help option that a command was first asked for, so it must be the same one here
    said = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, parent, info_name=name, **said)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            if not found.hidden:
                yield from contexts(found, context)


def helped() -> str:
    """A heading and a block for each command."""
    return "".join(f"## {one.command_path}\n\n```text\n{_help(one)}\n```\n\n" for one in contexts())


def _help(context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def rewritten(page: str) -> str:
    """The page with the help as it is now."""
    assert _WRITTEN.search(page)
    return _WRITTEN.sub(lambda _: f"\n{helped()}", page)
