"""The options that every command takes, before its name or after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, get_args

import click

from trek_core._config import Configuration, Settings, configure
from trek_core.cli._complete import databases, folders, formats, plugins
from trek_core.cli._output import say
from trek_core.model import TransactionChoice
from trek_core.text import nearest

F = TypeVar("F", bound=Callable[..., Any])
_FORMAT = ("format", "layout", "store")


@dataclass(slots=True)
class Given:
    """What stood on the command line. None: nothing did."""

    directory: tuple[str, ...] = ()
    database: str | None = None
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
        return self.configuration().settings

    def configuration(self, *, choose: bool = True) -> Configuration:
        """The settings with their origins. choose: whether one of several databases must be chosen. Raises as above."""
        if self.dsn and self.embedded:
            msg = "--dsn and --embedded both name a database: give one of them."
            raise click.UsageError(msg)
        found = configure(options=dict(self._said()), database=self.database, choose=choose)
        if not self.no_plugin:
            return found
        blocked = found.settings.disable_plugins
        _refuse_unknown(self.no_plugin, blocked)
        settings = replace(found.settings, disable_plugins=(*blocked, *self.no_plugin))
        return replace(found, settings=settings)

    def _said(self) -> Iterator[tuple[str, tuple[object, str]]]:
        """The settings that were given, with the option's name."""
        if self.directory:
            first, *more = self.directory
            yield "directory", ((first, *more) if more else first, "--dir")
        if self.dsn:
            yield "dsn", (self.dsn, "--dsn")
        if self.embedded:
            yield "dsn", (f"embedded:{self.embedded}", "--embedded")
        if self.format is not None:  # it means both halves, whatever the file says of one
            yield from (
                (key, (value, "--format")) for key, value in zip(_FORMAT, (self.format, None, None), strict=True)
            )
        for key in ("lock_wait", "transaction", "expect_database"):
            if (value := getattr(self, key)) is not None:
                yield key, (value, f"--{key.replace('_', '-')}")


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
    if value == "" or (isinstance(value, tuple) and "" in value):
        msg = "it is empty. Is a variable of the shell not set?"
        raise click.BadParameter(msg, context, parameter)
    if parameter.name == "no_plugin":
        found.no_plugin += tuple(value)
    elif value is not None and value is not False and value != ():  # 0 is a value
        setattr(found, str(parameter.name), value)


def common(function: F) -> F:
    """Adds the common options to a command."""
    for decorator in reversed(_COMMON):
        function = decorator(function)
    return function


def _option(*names: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, **more)


_COMMON = (
    _option(
        "--dir",
        "directory",
        multiple=True,
        metavar="FOLDER",
        shell_complete=folders,
        help="Where the migrations lie: a folder, package:NAME or a zip. May be repeated.  [migrations]",
    ),
    _option(
        "--database",
        metavar="NAME",
        shell_complete=databases,
        help="Which of the databases in the configuration it is.",
    ),
    _option("--dsn", metavar="DSN", help="The database: postgresql://user@host/name."),
    _option(
        "--embedded",
        metavar="[FOLDER]",
        help="A PostgreSQL of its own with its data in FOLDER, which must hold a / (or write --embedded=FOLDER)."
        "  [.trek/postgres]",
    ),
    _option("--format", metavar="NAME", shell_complete=formats, help="Whose folder and history table it is.  [native]"),
    _option("--lock-wait", type=float, metavar="SECONDS", help="How long to wait for another runner.  [60]"),
    _option("--expect-database", metavar="NAME", help="Refuse any other database: its name, its identity, or same."),
    _option(
        "--no-plugin",
        multiple=True,
        metavar="NAME",
        shell_complete=plugins,
        help="Leave a plugin out. May be repeated.",
    ),
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
