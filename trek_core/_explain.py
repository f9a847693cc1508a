"""The message of a failed migration: what, where, why, what stands now, and the way on."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from trek_core import _as_one, _copied, script
from trek_core._resuming import goes_on, since, unfinished
from trek_core._waiting import how_often, in_the_way, way_round
from trek_core.errors import Unfinished, plugin_words
from trek_core.events import Failure
from trek_core.model import Action, Call, Copy, Piece, Sql, Statement
from trek_core.plans import Plan, Ran
from trek_core.text import typed

if TYPE_CHECKING:
    from trek_core._blame import Offer
    from trek_core.contracts import VersionStore

UNIQUE_VIOLATION = "23505"
NOT_ALLOWED = "42501"  # insufficient_privilege
WIDTH = 100  # characters of a source line that are shown around the caret


def explain(
    plan: Plan, action: Action, failure: Failure, ran: Sequence[Ran], *, nested: bool, store: VersionStore
) -> str:
    """The whole message, several lines. nested: it ran inside the caller's transaction."""
    others, way_on = _others(plan, action, failure), _way_on(action, failure, store)
    waited = _waited(failure)
    if plan.as_one and failure.outcome != "partial":
        stands = _as_one.stands(plan, action, failure, way_on, nested=nested)
        return "\n".join([*_what(action, failure, others), "", *waited, *stands])
    stands = _stands(action, failure, others, nested=nested)
    before = [one for one in ran if (one.revision, one.verb) != (action.revision, action.verb)]
    rest = _rest(plan, action.index + len(others), before, nested=nested)
    return "\n".join([*_what(action, failure, others), "", *waited, *stands, *rest, way_on])


def question(action: Action, failure: Failure) -> Unfinished:
    """The error for an action that resumes, of which the executor could not find out how: what it found, and the ways out."""
    assert action.resume is not None
    fact = since(action.resume.begun, action.resume, len(script.statements(action)))
    return unfinished([action.resume.begun], [f"{fact}: {failure.message}"])


def _others(plan: Plan, action: Action, failure: Failure) -> list[str]:
    """The revisions that are as unknown as the action, being of the same query."""
    return [other.revision for other in plan.actions if 0 < other.index - action.index < failure.together]


def _what(action: Action, failure: Failure, others: Sequence[str]) -> Iterator[str]:
    doing = {"revert": "reverting", "mark": "marking", "unmark": "unmarking"}.get(action.verb, "applying")
    place = "" if others else _place(action, failure)
    what = f"{action.name} and, in the same query, {names(others)}" if others else action.name
    went = "lost its connection" if failure.outcome == "committed" else "failed"
    yield f"{place}{': ' if place else ''}{doing} {what} {went}: {failure.message}"
    if isinstance(failure.statement, Sql | Copy):
        yield from _quoted(failure.statement, failure.position)
        if isinstance(failure.statement, Copy) and failure.row:
            yield from _row(failure.statement, failure.row, failure.context)
        if not failure.statement.file:
            yield "That statement is trek's own: it keeps the history."
    elif isinstance(failure.statement, Call):
        yield from _source(failure.statement, failure.cause)
    elif failure.statement is not None:
        last = failure.statement.last_line
        yield f"It is in the lines {failure.statement.line} to {last}: which statement of these is not known."
    for name, text in (("detail", failure.detail), ("hint", failure.hint), ("context", failure.context)):
        if text:
            yield f"{name}: {text}"
    if failure.sqlstate:
        yield f"SQLSTATE {failure.sqlstate}"


def _waited(failure: Failure) -> Iterator[str]:
    if failure.blocked is not None:
        yield how_often(failure.blocked)
        yield from in_the_way(failure.blocked)


def _place(action: Action, failure: Failure) -> str:
    statement = failure.statement
    if statement is None:
        files = action.entry.files
        return str(files[-1 if action.verb == "revert" else 0]) if files else ""
    if not statement.file:
        return ""
    if isinstance(statement, Call | Piece) or failure.row:
        return f"{statement.file}:{line_of(statement, failure)}"
    line, column, _ = locate(statement, failure.position)
    return f"{statement.file}:{line}:{column}"


def line_of(statement: Statement, failure: Failure) -> int:
    """The line in the file (from 1) where it failed."""
    if isinstance(statement, Call | Piece):
        return statement.line
    if isinstance(statement, Copy) and failure.row:
        return _copied.line_of(statement, failure.row)
    return locate(statement, failure.position)[0]


def locate(statement: Sql | Copy, position: int | None) -> tuple[int, int, str]:
    """Line and column in the file (from 1), and the statement's text on that line."""
    before = statement.text[: position or 0]
    row = before.count("\n")
    lines = statement.text.split("\n")
    column = len(before) - (before.rfind("\n") + 1) + (statement.column if row == 0 else 1)
    return statement.line + row, column, lines[min(row, len(lines) - 1)]


def _quoted(statement: Sql | Copy, position: int | None) -> Iterator[str]:
    line, column, text = locate(statement, position)
    at = column - (statement.column if line == statement.line else 1)
    yield from _marked(text, at, str(line) if statement.file else "")


def _row(copy: Copy, row: int, context: str) -> Iterator[str]:
    """The row of the data, if it can still be read, with a caret under the value that the database names."""
    if (text := _copied.row(copy, row)) is not None:
        yield from _marked(text, _copied.place(text, context), str(_copied.line_of(copy, row)))


def _marked(text: str, at: int, gutter: str) -> Iterator[str]:
    start = max(0, at - WIDTH // 2)
    shown = text[start : start + WIDTH].rstrip("\r")
    indent = "".join("\t" if c == "\t" else " " for c in shown[: at - start])
    yield f"  {gutter} | {shown}"
    yield f"  {' ' * len(gutter)} | {indent}^"


def _source(call: Call, cause: BaseException) -> Iterator[str]:
    """The line of a Python migration, as it was when it ran."""
    frames = traceback.extract_tb(cause.__traceback__)
    text = next((f.line for f in frames if f.filename == call.file and f.lineno == call.line and f.line), None)
    if text:
        yield f"  {call.line} | {text.strip()}"


def _stands(action: Action, failure: Failure, others: Sequence[str], *, nested: bool) -> Iterator[str]:
    if failure.outcome == "unknown" and others:
        several = names([action.revision, *others])
        yield f"The connection was lost before the answer came: which of {several} were committed is unknown."
        yield "They run in this order, each whole or not at all."
    elif failure.outcome == "unknown":
        yield f"The connection was lost before the answer came: whether {action.revision} was committed is unknown."
    elif failure.outcome == "committed":
        yield f"{action.revision} was committed: only the answer was lost. A new session found it in the history."
    elif failure.outcome == "ended":
        yield f"The transaction in which {action.revision} ran is over: nothing of what it did there remains."
    elif failure.outcome == "partial" and action.mode == "transaction":
        yield f"What {action.revision} did before it ended the transaction stays."
    elif failure.outcome == "partial":
        yield f"{action.revision} ran outside a transaction: what it did before the failure stays."
    elif nested:
        yield f"Nothing of {action.revision} remains: your transaction was rolled back to where it began, and is open."
    elif action.mode != "transaction":
        yield f"Nothing of {action.revision} was begun."
    else:
        yield f"Nothing of {action.revision} remains: its transaction was rolled back."


def _rest(plan: Plan, last: int, ran: Sequence[Ran], *, nested: bool) -> Iterator[str]:
    """last: the index of the last action that was sent."""
    if ran:
        fate = "to be committed or rolled back by your transaction" if nested else "and committed"
        yield f"Done before it in this run, {fate}: {names([r.revision for r in ran])}."
    elif plan.as_one and last:
        yield f"What ran before it in this plan stays too: {names([other.revision for other in plan.actions[:last]])}."
    after = [other.revision for other in plan.actions if other.index > last]
    if after:
        yield f"Not begun: {names(after)}."


def names(revisions: Sequence[str]) -> str:
    shown = ", ".join(revisions[:8])
    return shown if len(revisions) <= 8 else f"{shown} and {len(revisions) - 8} more"  # noqa: PLR2004


def _way_on(action: Action, failure: Failure, store: VersionStore) -> str:
    outside = store.keeps_steps and action.mode != "transaction"
    if failure.outcome == "unknown":
        return (
            "The server runs a query to its end after its client is gone. Connect again and look at `trek status`: "
            "the history tells; then run again" + (": trek goes on where that is certain." if outside else ".")
        )
    if failure.outcome == "committed":
        return "Look at why the connection was lost, and run again: trek goes on after it."
    if failure.outcome == "partial":
        return _after_part(action, failure, _number(action, failure) if outside else 0, store)
    if failure.sqlstate == NOT_ALLOWED:
        return f"Grant the role what it lacks, or take another, and run again: trek goes on with {action.revision}."
    if way := way_round(failure.sqlstate, failure.blocked):
        return f"{way}Then run again: trek goes on with {action.revision}."
    return f"Correct the cause and run again: trek goes on with {action.revision}."


def _number(action: Action, failure: Failure) -> int:
    """The number of the statement at which the next run goes on by itself; 0 if a human must look first."""
    body = script.statements(action)
    number = next((number for number, one in enumerate(body, 1) if _holds(one, failure.statement)), 0)
    certain = number and goes_on(action, number - 1, begun=script.stands_alone(action, body[number - 1]))
    return number if certain else 0


def _holds(one: Statement, statement: Statement | None) -> bool:
    """Whether it is the statement, or the piece of a big file in which that stands."""
    if isinstance(one, Piece) and isinstance(statement, Sql) and statement.file == one.file:
        return one.line <= statement.line <= one.last_line
    return one is statement


def _repairs(action: Action) -> tuple[str, str]:
    """Once it was finished by hand, and once it was undone."""
    name = typed(action.revision)
    both = f"`trek repair {name} --applied`", f"`trek repair {name} --not-applied`"
    return (both[1], both[0]) if action.verb == "revert" else both


def _after_part(action: Action, failure: Failure, number: int, store: VersionStore) -> str:
    left, repair = f"It left {failure.left}. " if failure.left else "", _repairs(action)
    outside = action.mode != "transaction"
    if outside and not store.keeps_begun:
        return (
            f"{left}The history says nothing of that: run again, and trek begins {action.revision} with its first statement. "
            f"Undo by hand what is there before you do; or finish it by hand, then {repair[0]}."
        )
    if outside and store.keeps_steps and failure.statement is None:
        return f"{left}Run again: trek goes on where it is certain what is there, and else says what it found."
    if not number:
        return (
            f"{left}Look at `trek history` and at what it left. Finish it by hand, then {repair[0]}; or undo it by hand, "
            f"then {repair[1]}, and run again. Until then trek refuses to go on."
        )
    body, removes = script.statements(action), "removes that and " if failure.left else ""
    goes_on = f"run again: trek {removes}goes on at statement {number} of {len(body)}."
    alone = script.stands_alone(action, body[number - 1])
    what = "the cause in the database" if alone else "the statement, or the cause in the database,"
    if not alone and number == 1:
        return f"{left}Correct {what} and {goes_on}"
    fixed = "If the statement itself must change" if alone else "Those after it may change too; if one before it must"
    return (
        f"{left}Correct {what} and {goes_on} {fixed}: "
        f"finish it by hand, then {repair[0]}; or undo it by hand, then {repair[1]}."
    )


# --------------------------------------------------------------------------- a store's part in it
def _named(store: Offer[VersionStore]) -> str:
    return f"store {type(store.value).__name__} of {plugin_words(store.plugin, store.distribution)}"


def whose(store: Offer[VersionStore], query: Sql) -> str:
    """The query is the store's, so that an error in it is neither trek's nor the server's."""
    text = textwrap.shorten(query.text, 200, placeholder=" …")
    return f"The query is that of {_named(store)}: {text}"


def taken(store: Offer[VersionStore], failure: Failure) -> str:
    """Where no other runner wrote the step that a store's record wrote, or made the table that it makes."""
    if failure.sqlstate != UNIQUE_VIOLATION:
        return (
            "\nThe history's table could not be made: something of that name is there, and it is no history.\n"
            "Rename it or drop it, or name another schema or table for the history."
        )
    return (
        f"\nThat key is the history's. Either the migration writes there, or {_named(store)} gave a step that is taken: "
        "its History.next must be past every row."
    )
