"""Exit codes, and what is said about an error: its message on stderr, with --json a document on stdout too."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence

import click

from trek_core._explain import line_of
from trek_core.cli._output import coloured, complain, document
from trek_core.errors import LoadError, LockTimeout, MigrationFailed, PlanError, PluginError, TrekError, UnknownRevision
from trek_core.events import Failure
from trek_core.plans import DatabaseState
from trek_core.text import without_password

DONE, FAILED, REFUSED, LOCKED, FOUND, INTERRUPTED = 0, 1, 2, 4, 9, 130
STATES: dict[DatabaseState, int] = {
    "current": DONE,
    "pending": 3,
    "uninitialised": 5,
    "ahead": 6,
    "changed": 7,
    "unfinished": 8,
}
"""Of `status --check`, where the database is not ready."""

TABLE = """\b
Exit codes:
  0    done, or nothing to do; status --check: ready
  1    a migration failed, or trek itself did; trek test and dump --check:
       something differs
  2    nothing was run: wrong usage, settings, files or plugin, no plan
       leads there, no connection, or the question was not answered with yes
  3    status --check: migrations are pending
  4    somebody else held the migration lock all the time
  5    status --check: uninitialised, there is no history yet
  6    status --check: ahead, and the folder's own are not all applied
  7    status --check: changed, applied files were edited since
  8    status --check: unfinished, a migration outside a transaction
       is running, or was begun and never completed
  9    check: there are errors (with --strict: or warnings)
  130  interrupted (Ctrl-C, SIGTERM)
"""
_CARET = re.compile(r"(?<=\s)\^$")
_SECRETS = ("TREK_DSN", "DATABASE_URL")


class NotConfirmed(TrekError):
    """A question was not answered with yes."""


class Interrupted(TrekError):
    """Ctrl-C or SIGTERM."""


def report(error: Exception, words: Sequence[str]) -> int:
    """Says what went wrong and gives the exit code."""
    if isinstance(error, click.Abort):
        error = Interrupted("interrupted")
    secrets = [*words, *(os.environ.get(name, "") for name in _SECRETS)]
    if os.environ.get("TREK_TRACEBACK", "") not in ("", "0"):
        complain(conceal("".join(traceback.format_exception(error)), secrets))
    complain(_painted(conceal(_text(error), secrets)))
    if "--json" in words:
        document({"error": as_json(error, secrets)})
    return _code(error)


def as_json(error: Exception, secrets: Sequence[str] = ()) -> dict[str, object]:
    """Its type, its message, and what it knows beside."""
    return {"type": _type(error), "message": conceal(_message(error), secrets), **_facts(error)}


def conceal(text: str, words: Sequence[str]) -> str:
    """The text without the passwords that those words hold. An option's value may stand behind its `=`."""
    for word in words:
        for secret in (word, word.partition("=")[2]):
            text = without_password(text, secret)
    return text


def _painted(text: str) -> str:
    """On a terminal: what happened stands out, and the caret under the place."""
    if not coloured(sys.stderr):
        return text
    first, *rest = text.split("\n")
    carets = (_CARET.sub(lambda found: click.style("^", fg="red", bold=True), line) for line in rest)
    return "\n".join([click.style(first, fg="red", bold=True), *carets])


def _code(error: Exception) -> int:
    match error:
        case LockTimeout():
            return LOCKED
        case Interrupted():
            return INTERRUPTED
        case MigrationFailed():
            return FAILED
        case TrekError() | click.ClickException():
            return REFUSED
    return FAILED


def _text(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        return shown.getvalue().rstrip("\n")
    return _message(error)


def _message(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, TrekError):
        return f"{error}{_small(error)}"
    return (
        f"trek failed with an error that it does not know: {type(error).__name__}: {error}\n"
        "`trek status` shows where the database stands; run again with TREK_TRACEBACK=1 to see where it happened."
    )


def _small(error: TrekError) -> str:
    """The hint for HEAD and BASE: a layout may have revisions of these names, so they are not taken for head and base."""
    name = error.revisions[0] if isinstance(error, UnknownRevision) and error.revisions else ""
    small = name.lower()
    return f" {name} is written {small!r}." if small in ("head", "base") and small != name else ""


def _type(error: Exception) -> str:
    return "UsageError" if isinstance(error, click.ClickException) else type(error).__name__


def _facts(error: Exception) -> dict[str, object]:
    """What the error knows beside its message."""
    match error:
        case LoadError():
            return {"path": error.path, "line": error.line, "problem": error.problem, "advice": error.advice}
        case PlanError():
            return {"revisions": error.revisions}
        case LockTimeout():
            return {"holder": dataclasses.asdict(error.holder) if error.holder else None}
        case PluginError():
            return {"plugin": error.plugin, "distribution": error.distribution, "where": error.where}
        case MigrationFailed():
            failure = error.failure
            return {
                "revision": error.action.revision,
                **_place(failure),
                "sqlstate": failure.sqlstate,
                "detail": failure.detail,
                "hint": failure.hint,
                "outcome": failure.outcome,
                "together": failure.together,
                "ran": [dataclasses.asdict(ran) for ran in error.report.ran],
            }
    return {}


def _place(failure: Failure) -> dict[str, object]:
    statement = failure.statement
    if statement is None or not statement.file:
        return {"file": None, "line": None}
    return {"file": statement.file, "line": line_of(statement, failure)}
