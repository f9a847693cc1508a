"""The command as click sees it, and the way from its end to an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from trek_core.cli import (
    _adopt,
    _check,
    _completion,
    _config,
    _convert,
    _dump,
    _exit,
    _graph,
    _history,
    _migrate,
    _new,
    _new_plugin,
    _plan,
    _plugins,
    _squash,
    _stamp,
    _status,
    _test,
)
from trek_core.cli._options import common, examples
from trek_core.cli._output import tolerate
from trek_core.cli._words import understood

EXAMPLES = examples(
    "trek migrate --embedded            a server of its own, nothing to install",
    "trek migrate --dsn postgresql://app@localhost/shop",
    "trek status --check                exit code 0 only if all is applied",
    'trek new "orders by customer"',
    "trek migrate -1                    the last one back",
)


class _Trek(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, understood(args))

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)  # in the order in which one meets them


def _version(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and for this alone

        click.echo(f"trek {version('trek-migrate')}")
        context.exit()


@click.group(cls=_Trek, context_settings={"help_option_names": ["-h", "--help"]}, epilog=f"{EXAMPLES}\n\n{_exit.TABLE}")
@common
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def cli() -> None:
    """Changes the schema of PostgreSQL databases: plain .sql and .py files, run in order, once.

    The database is --dsn, else TREK_DSN, else DATABASE_URL, else dsn in trek.toml or [tool.trek] of pyproject.toml.
    The options may stand before the command's name or after it.
    """


for _command in (
    _migrate.migrate,
    _status.status,
    _plan.plan,
    _history.history,
    _new.new,
    _check.check,
    _squash.squash,
    _graph.graph,
    _test.test,
    _dump.dump,
    _stamp.stamp,
    _stamp.repair,
    _adopt.adopt,
    _convert.convert,
    _config.config,
    _plugins.plugins,
    _new_plugin.new_plugin,
    _completion.completion,
):
    cli.add_command(_command)


def run(words: Sequence[str]) -> int:
    """Parses, runs, and says what went wrong."""
    tolerate()
    try:
        code = cli.main(list(words), prog_name="trek", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a message, never a bare traceback
        return _exit.report(error, words)
    return code if isinstance(code, int) else _exit.DONE
