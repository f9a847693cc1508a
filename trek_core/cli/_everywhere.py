"""`trek status --all`: every database that the configuration names, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from trek_core.cli import _database
from trek_core.cli._exit import DONE, REFUSED, STATES
from trek_core.cli._exit import as_json as error_as_json
from trek_core.cli._output import complain, document, say, table
from trek_core.cli._status import as_json, headline, show
from trek_core.cli._wait import until_ready
from trek_core.errors import TrekError
from trek_core.plans import Status

if TYPE_CHECKING:
    from trek_core import Migrator
    from trek_core.cli._options import Given

Answer = Status | TrekError
NONE = (
    "--all means the databases that the configuration names, and it names none: "
    "write [tool.trek.databases.NAME] for each, or leave --all out."
)


def status_of_all(words: Given, *, check: bool, wait: float | None) -> int:
    """Shows each, those that cannot be asked too, and gives the exit code. Raises `ConfigError`, `click.UsageError`."""
    found = _asked(_migrators(words), wait, quiet=words.quiet)
    ready = all(isinstance(one, Status) and one.ready for one in found.values())
    if words.json:
        document({"ready": ready, "databases": {name: _document(one) for name, one in found.items()}})
    elif not words.quiet:
        _show(found, everything=words.verbose)
    for name, one in found.items():
        if isinstance(one, TrekError):
            complain(f"{name}: {one}")
    return next(filter(None, (_code(one, check=check or wait is not None) for one in found.values())), DONE)


def _migrators(words: Given) -> dict[str, Migrator]:
    for option, given in {"--database": words.database, "--dsn": words.dsn, "--embedded": words.embedded}.items():
        if given:
            msg = f"{option} names one database, and --all means every one of the configuration: leave one of them out."
            raise click.UsageError(msg)
    names = words.configuration(choose=False).databases
    if not names:
        raise click.UsageError(NONE)
    return {name: _database.migrator(replace(words, database=name).settings()) for name in names}


def _asked(migrators: Mapping[str, Migrator], wait: float | None, *, quiet: bool) -> dict[str, Answer]:
    """wait: seconds, for all of them together."""
    end = time.monotonic() + (wait or 0)
    found = dict[str, Answer]()
    for name, migrator in migrators.items():
        left = max(0.0, end - time.monotonic())
        try:
            found[name] = _database.run(migrator.status() if wait is None else until_ready(migrator, left, quiet=quiet))
        except TrekError as error:  # what the others say is wanted all the same
            found[name] = error
    return found


def _show(found: Mapping[str, Answer], *, everything: bool) -> None:
    table(("name", "state", "applied", "pending", "database", "history"), [_row(*pair) for pair in found.items()])
    for name, one in found.items():
        if everything and isinstance(one, Status):
            say(f"\n{name}: {headline(one)}")
            show(one, everything=True)


def _row(name: str, one: Answer) -> tuple[str, ...]:
    if isinstance(one, TrekError):
        return name, "unknown", "", "", "", ""
    return name, one.state, str(len(one.applied)), str(len(one.pending)), one.database, one.history


def _document(one: Answer) -> dict[str, object]:
    return {"error": error_as_json(one)} if isinstance(one, TrekError) else as_json(one)


def _code(one: Answer, *, check: bool) -> int:
    if isinstance(one, TrekError):
        return REFUSED
    return STATES[one.state] if check and not one.ready else DONE
