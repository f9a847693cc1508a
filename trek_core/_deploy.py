r"""A plan as a script that psql runs, after which trek agrees: what stands around what would be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trek_core import _psql
from trek_core._blame import blame, expect, expect_all
from trek_core._checks import SAME
from trek_core._psql import SESSION, comment, quiet, unless, written
from trek_core.errors import PlanError
from trek_core.model import Action, Advisory, Call, History, Lock, Record, Sql, Statement
from trek_core.script import (
    BEGIN,
    COMMIT,
    DEFER,
    SETTLE,
    changes_settings,
    goes_on_at,
    limits,
    opening,
    queries,
    settle,
    statements,
)
from trek_core.text import quote_literal

if TYPE_CHECKING:
    from trek_core._workspace import Workspace
    from trek_core.plans import Plan

PSQL = ("ON_ERROR_STOP on", "ON_ERROR_ROLLBACK off", "AUTOCOMMIT on", "FETCH_COUNT 0")
"""Variables of psql: where ~/.psqlrc says otherwise, the script would not be what trek does."""
_IDENTITY = (
    "(SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() c) || '/' || (SELECT d.oid::text"
    " FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
)
_ANEW = "nothing was changed: make the script anew with trek plan --sql"


@runtime_checkable
class Certain(Protocol):
    """A store that can say whether a table still holds a history."""

    def unmoved(self, history: History) -> Sql:
        """A statement that fails, and says what it found, unless the table holds what that history says."""
        ...


def render(plan: Plan) -> str:
    """The plan as a script for psql, in a session of its own. Raises `PlanError` for what only trek can run."""
    units = zip(plan.actions, plan.records, strict=True)
    if only := {action.index: reason for action, record in units if (reason := _only_trek(action, record))}:
        raise _refused(plan, only)
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield comment(f"trek: {len(plan.actions)} to run, target {plan.target}; for psql")
    yield from (f"\\set {variable}" for variable in PSQL)
    if not plan:
        return
    yield from map(written, SESSION)
    locks = _locks(plan)
    yield from _entrance(plan, locks)
    yield from _as_one(plan) if plan.as_one else _each(plan)
    yield from map(written, _unlocked(locks))


# --------------------------------------------------------------------------- before anything runs
def _entrance(plan: Plan, locks: tuple[Lock, ...]) -> Iterator[str]:
    """The database, the lock, and behind it the history: nobody moves it any more."""
    facts, expected = plan.history.facts, plan.origin.expect_database if plan.origin else ""
    if facts.database:
        yield comment(
            f"made for the database {facts.database}" + (f", identity {facts.identity}" if facts.identity else "")
        )
    if wanted := facts.identity if expected == SAME else expected:
        yield written(_database(wanted))
    if facts.pooled:
        yield comment("no lock: a pooler stands between, and a session's lock would mean nothing")
    yield from (written(_taken(lock)) for lock in locks)
    if plan.origin:
        yield from map(written, _history(plan, plan.origin))


def _database(wanted: str) -> Sql:
    """By its name or its identity; a database without a history did not tell either when the plan was made."""
    found = _IDENTITY if re.fullmatch(r"\d+/\d+", wanted) else "pg_catalog.current_database()"
    return unless(f"{found} = {quote_literal(wanted)}", f"trek: this is not the database {wanted}; {_ANEW}")


def _locks(plan: Plan) -> tuple[Lock, ...]:
    if plan.origin is None or plan.history.facts.pooled:
        return ()
    store = plan.origin.store
    with blame(store, "VersionStore.locks"):
        locks = store.value.locks(plan.history)
    return expect_all(store, "VersionStore.locks", locks, Lock)


def _taken(lock: Lock) -> Sql:
    """Never waits: a blocked statement holds a snapshot, which CREATE INDEX CONCURRENTLY of the holder waits for.

    A row outlives a script that fails, so it is not taken, only looked at.
    """
    message = "trek: somebody else holds the migration lock; nothing was changed: run this script again when it is free"
    if isinstance(lock, Advisory):
        return unless(f"pg_catalog.pg_try_advisory_lock({lock.key})", message)
    held = f"EXISTS ({lock.holder.text})" if lock.holder else "false"
    raised = f"RAISE EXCEPTION USING MESSAGE = {quote_literal(message)}, HINT = {quote_literal(lock.advice)}"
    block = (
        f"BEGIN IF {held} THEN {raised}; END IF; EXCEPTION WHEN undefined_table OR invalid_schema_name THEN NULL; END"
    )
    return Sql(f"DO {quote_literal(block)}")


def _unlocked(locks: Iterable[Lock]) -> Iterator[Sql]:
    keys = [lock.key for lock in locks if isinstance(lock, Advisory)]
    return (Sql(f"DO $trek$ BEGIN PERFORM pg_catalog.pg_advisory_unlock({key}); END $trek$") for key in reversed(keys))


def _history(plan: Plan, origin: Workspace) -> Iterator[Sql]:
    store = origin.store
    if isinstance(store.value, Certain):
        with blame(store, "VersionStore.unmoved"):
            found = store.value.unmoved(plan.history)
        expect(store, "VersionStore.unmoved", found, Sql)
        yield found


# --------------------------------------------------------------------------- what runs
def _each(plan: Plan) -> Iterator[str]:
    for action, record in zip(plan.actions, plan.records, strict=True):
        yield "\n" + comment(f"{action.verb} {action.name}")
        if action.mode == "transaction":
            yield from map(_text, (BEGIN, *opening(action, record), *statements(action), SETTLE))
            yield from map(_text, (*_reset(action), *record.finish, COMMIT))
        else:
            yield from _outside(action, record)


def _as_one(plan: Plan) -> Iterator[str]:
    yield _text(BEGIN)
    for action, record in zip(plan.actions, plan.records, strict=True):
        yield "\n" + comment(f"{action.verb} {action.name}")
        yield from map(_text, DEFER if action.index else ())
        yield from map(_text, (*opening(action, record), *statements(action), *settle(action)))
        yield from map(_text, (*(_reset(action) or _unlimited(action)), *record.finish))
    yield "\n" + _text(COMMIT)


def _outside(action: Action, record: Record) -> Iterator[str]:
    own = {id(statement) for statement in statements(action)} if action.mode == "message" else set()
    last = len(tuple(queries(action, record)))
    for number, query in enumerate(queries(action, record), 1):
        if number == last:
            yield from map(_text, _reset(action))
        for statement in (BEGIN, *query, COMMIT) if len(query) > 1 else query:
            whole = id(statement) in own and isinstance(statement, Sql)
            yield _psql.as_message(statement.text) if whole and isinstance(statement, Sql) else _text(statement)


def _reset(action: Action) -> tuple[Sql, ...]:
    """What trek does by comparing with what it found: a session of psql's own has nothing to lose."""
    if not changes_settings(action.body):
        return ()
    return (*(Sql(f"RESET {what}") for what in ("SESSION AUTHORIZATION", "ROLE", "ALL")), *SESSION)


def _unlimited(action: Action) -> tuple[Sql, ...]:
    """Takes the body's timeouts away, which would last to the end of the transaction."""
    given = limits(action.body.lock_timeout, action.body.statement_timeout) if action.body else ()
    return tuple(Sql(f"RESET {sql.text.split()[2]}") for sql in given)


def _text(statement: Statement) -> str:
    """What is of no file was added: who runs the script sees what the migrations give, and nothing else."""
    assert not isinstance(statement, Call)  # `_only_trek` saw to it
    return written(quiet(statement) if isinstance(statement, Sql) and not statement.file else statement)


# --------------------------------------------------------------------------- what only trek runs
def _only_trek(action: Action, record: Record) -> str:
    """Why psql cannot run it."""
    call = next((s for s in statements(action) if isinstance(s, Call)), None)
    if call is not None:
        return f"it is Python ({call.file}:{call.line})"
    if call := next((s for s in (*record.begin, *record.finish) if isinstance(s, Call)), None):
        return f"its history is not written in SQL ({call.name})"
    if action.resume is not None and action.resume.open is not None:
        return f"it was begun, and what became of statement {goes_on_at(action)} must be looked at"
    return ""


def _refused(plan: Plan, only: dict[int, str]) -> PlanError:
    listed = "".join(f"\n  {plan.actions[index].name}: {reason}" for index, reason in only.items())
    if plan.as_one:
        way_out = "All of it is one transaction, which only trek can run: trek migrate --transaction plan"
    else:
        way_out = "In this order it can be done:" + "".join(f"\n  {step}" for step in _steps(plan, only))
    msg = f"no script was made: psql cannot run what only trek can:{listed}\n{way_out}"
    return PlanError(msg, tuple(plan.actions[index].revision for index in only))


def _steps(plan: Plan, only: dict[int, str]) -> Iterator[str]:
    """By numbers of migrations, which are right with branches and squashes too, unless the target is one revision."""
    counted = plan.goes_down or plan.target == "head" or plan.target.startswith("+")
    way, yes = ("-", " --yes") if plan.goes_down else ("+", "")
    left = len(plan.actions)
    for is_only, group in groupby(plan.actions, key=lambda action: action.index in only):
        some = list(group)
        left -= len(some)
        where = f" {way}{len(some)}" if counted else f" {some[-1].revision}"
        if not left:
            where = "" if plan.target == "head" else f" {plan.target}" if plan.target[0] not in "+-" else where
        yield f"trek migrate{where}{yes}" if is_only else f"trek plan{where} --sql | psql -X -f - DSN"
