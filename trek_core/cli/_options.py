"""The options that every command takes, before its name or after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, get_args

import click

from trek_core._config import Settings, load_settings
from trek_core.cli._output import say
from trek_core.model import TransactionChoice
from trek_core.text import nearest

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Given:
    """What stood on the command line. None: nothing did."""

    directory: str | None = None
    dsn: str | None = None
    embedded: str | None = None
    format: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_plugin: tuple[str, ...] = field(default=())
    lock_wait: float | None = None
    transaction: TransactionChoice | None = None
    expect_database: str | None = None

    def say(self, text: str) -> None:
        """What tells how it went, and is not what was asked for."""
        if not self.quiet:
            say(text)

    def settings(self) -> Settings:
        """The settings of files and environment, and these on top. Raises `ConfigError`, `click.UsageError`."""
        if self.dsn and self.embedded:
            msg = "--dsn and --embedded both name a database: give one of them."
            raise click.UsageError(msg)
        settings = load_settings()
        if self.format is not None:  # it means both halves, whatever the file says of one
            settings = replace(settings, format=self.format, layout=None, store=None)
        settings = replace(
            settings,
            directory=self.directory or settings.directory,
            dsn=f"embedded:{self.embedded}" if self.embedded else self.dsn or settings.dsn,
            lock_wait=settings.lock_wait if self.lock_wait is None else self.lock_wait,
            transaction=self.transaction or settings.transaction,
            expect_database=self.expect_database or settings.expect_database,
            disable_plugins=(*settings.disable_plugins, *self.no_plugin),
        )
        if self.no_plugin:
            _refuse_unknown(self.no_plugin, settings.disable_plugins)
        return settings


def _refuse_unknown(names: tuple[str, ...], blocked: tuple[str, ...]) -> None:
    """A file or the environment may block a plugin that is not installed everywhere; a typed name is a slip."""
    from trek_core._host import PluginHost  # noqa: PLC0415 - pluggy

    found = PluginHost(blocked=blocked).describe()
    # what is blocked and installed is not loaded, so it has no error
    unknown = {info.name for info in found if info.state == "blocked" and info.error}
    known = [info.name for info in found if info.name not in unknown]
    for name in names:
        if name.strip() not in known:
            msg = f"--no-plugin {name}: no plugin has this name.{nearest(name, known)} There are: {', '.join(known)}."
            raise click.UsageError(msg)


def given(context: click.Context) -> Given:
    """What was given so far: one object for the group and its command."""
    return context.ensure_object(Given)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    found = given(context)
    if value == "":
        msg = "it is empty. Is a variable of the shell not set?"
        raise click.BadParameter(msg, context, parameter)
    if parameter.name == "no_plugin":
        found.no_plugin += tuple(value)
    elif value is not None and value is not False:  # 0 is a value
        setattr(found, str(parameter.name), value)


def common(function: F) -> F:
    """Adds the common options to a command."""
    for decorator in reversed(_COMMON):
        function = decorator(function)
    return function


def _option(*names: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, **more)


_COMMON = (
    _option("--dir", "directory", metavar="FOLDER", help="The folder of the migrations.  [migrations]"),
    _option("--dsn", metavar="DSN", help="The database: postgresql://user@host/name."),
    _option(
        "--embedded",
        metavar="[FOLDER]",
        help="A PostgreSQL of its own with its data in FOLDER, which must hold a / (or write --embedded=FOLDER)."
        "  [.trek/postgres]",
    ),
    _option("--format", metavar="NAME", help="Whose folder and history table it is.  [native]"),
    _option("--lock-wait", type=float, metavar="SECONDS", help="How long to wait for another runner.  [60]"),
    _option("--expect-database", metavar="NAME", help="Refuse any other database: its name, its identity, or same."),
    _option("--no-plugin", multiple=True, metavar="NAME", help="Leave a plugin out. May be repeated."),
    _option("-q", "--quiet", is_flag=True, help="Only errors, warnings, and what was asked for."),
    _option("-v", "--verbose", is_flag=True, help="More: every revision, every statement."),
    _option("--json", is_flag=True, help="One JSON document on stdout, and nothing else."),
)


transaction = _option(
    "--transaction",
    type=click.Choice(get_args(TransactionChoice)),
    help="Each migration commits by itself, or the whole plan does, all or nothing.  [each]",
)
"""The option of commands that carry a plan out, or show it."""


def examples(*lines: str) -> str:
    """The end of a command's help: lines that click does not wrap."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
