"""What must hold before the first write, and after a second look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trek_core._door import later
from trek_core.errors import ConfigError, MigrationFailed, PlanOutdated, PluginError, ReadOnly, TrekError
from trek_core.model import Action, Facts, History
from trek_core.plans import Plan, Ran
from trek_core.text import quote_ident

if TYPE_CHECKING:
    from trek_core import _resuming
else:
    (_resuming,) = later("_resuming")

UNCHANGED = "Nothing was changed."


def writable(plan: Plan, facts: Facts) -> None:
    """Raises `ReadOnly` where the plan cannot run on this session. Nothing was written yet."""
    if problem := _server(facts) or _session(facts) or _rights(plan, facts) or _outside(plan, facts):
        msg = f"{problem}\n{UNCHANGED}"
        raise ReadOnly(msg, tuple(action.revision for action in plan.actions))


SAME = "same"
"""What `expect_database` says for: the one in which the history was written."""
_OTHERS = ("CockroachDB", "Redshift")
_YUGABYTE = r"PostgreSQL (?:9|1[0-4])\b\S*-YB-"


def _server(facts: Facts) -> str:
    """Servers that speak PostgreSQL's protocol and lack transactional DDL, enforced keys or real advisory locks."""
    server = facts.server
    if not any(map(server.__contains__, _OTHERS)) and not ("-YB-" in server and re.search(_YUGABYTE, server)):
        return ""
    return (
        f"the server is no PostgreSQL: {facts.server}. trek needs DDL in transactions, enforced keys and advisory locks, "
        "without which a failed migration stays half done: use a tool made for it."
    )


def _rights(plan: Plan, facts: Facts) -> str:
    """What the user may not do with the history; what a migration may not is the server's to say."""
    if plan.history.unwritable:
        return plan.history.unwritable
    if plan.history.exists or not facts.no_create:
        return ""
    guard = plan.records[0].guard if plan.records else None
    if guard is None or guard.schema not in facts.no_create:
        return ""
    return (
        f"the history {guard.schema}.{guard.table} must be made, and the user {facts.user!r} may not create anything in that "
        f"schema: GRANT CREATE ON SCHEMA {quote_ident(guard.schema)} TO {quote_ident(facts.user)}; or name another schema."
    )


def expected(wanted: str, facts: Facts, history: History) -> None:
    """Raises `ConfigError` unless the database is the one that was named: by its name, its identity, or by the history."""
    if not facts.database:
        return
    problem = _moved(facts, history) if wanted == SAME else _named_otherwise(wanted, facts)
    if problem:
        raise ConfigError(problem)


def _named_otherwise(wanted: str, facts: Facts) -> str:
    if wanted in (facts.database, facts.identity):
        return ""
    found = f"{facts.database!r}, identity {facts.identity or 'not told by the server'}"
    return (
        f"this is another database than expected: expected {wanted!r}, found {found}.\nNothing was changed. Correct the DSN; "
        "or, if the data moved there on purpose, correct expect_database (`trek status --json` shows both)."
    )


def _moved(facts: Facts, history: History) -> str:
    """Whether the history was written elsewhere, or cannot tell."""
    instead = "or expect the database by its name (expect_database)."
    if history.database is None:
        return (
            f"expect_database is {SAME!r}, and the history of this format does not keep the database in which it was "
            f"written.\nNothing was changed. Keep it with the store 'native', {instead}"
        )
    if not facts.identity:
        return (
            f"expect_database is {SAME!r}, and the server does not tell the user {facts.user!r} which database "
            f"{facts.database!r} is.\nNothing was changed. GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO "
            f"{quote_ident(facts.user)}; {instead}"
        )
    if history.database in ("", facts.identity):  # the first row that tells pins it
        return ""
    return (
        f"the history was written in another database: its newest row has the identity {history.database}, and this is "
        f"{facts.database!r}, identity {facts.identity}.\nNothing was changed. If this is a copy or the wrong server, correct "
        f"the DSN. If the data moved here on purpose, run once with --expect-database {facts.identity} (expect_database): the "
        "rows of that run name it; where nothing is left to run, `trek repair REVISION --applied` of the newest one writes one."
    )


def _session(facts: Facts) -> str:
    if facts.standby:
        return f"{_database(facts)} is on a standby, which takes no writes: give trek the primary server."
    if facts.read_only and facts.in_transaction:
        return f"the open transaction with {_database(facts)} is read-only: call trek outside of it."
    if facts.read_only:
        return (
            f"the session with {_database(facts)} is read-only (transaction_read_only is on): "
            "give trek a connection that may write, or SET default_transaction_read_only = off."
        )
    if not facts.standard_strings:
        return (
            "standard_conforming_strings is off, so the server reads strings otherwise than trek: "
            "SET standard_conforming_strings = on for this session, or for the role that migrates."
        )
    if facts.in_transaction and facts.isolation != "read committed":
        return (
            f"the open transaction is {facts.isolation.upper()}: it would not see what another runner did. "
            "Call trek in a READ COMMITTED transaction, or outside one."
        )
    return ""


def _database(facts: Facts) -> str:
    """A driver that found no history may not know the name."""
    return f"the database {facts.database!r}" if facts.database else "the database"


def _outside(plan: Plan, facts: Facts) -> str:
    """Non-transactional migrations need a session of their own."""
    action = next((a for a in plan.actions if a.mode != "transaction"), None)
    if action is None or not (facts.in_transaction or facts.pooled):
        return ""
    if facts.in_transaction:
        return f"{action.name} runs outside a transaction, and the connection has one open: call trek outside of it."
    return (
        f"{action.name} runs outside a transaction, which needs a session lock, and a pooler stands between "
        "trek and the server: give trek a direct DSN."
    )


def still(shown: Plan, fresh: Plan) -> None:
    """Raises `PlanOutdated` unless the fresh plan is what was shown, or the rest of it."""
    want, have = shown.fingerprint, fresh.fingerprint
    if have and (have != want[-len(have) :] or _steps_back(shown, fresh)):
        listed = ", ".join(f"{verb} {revision}" for verb, revision, _ in have[:8])
        msg = (
            f"the database moved since the plan for {shown.target!r} was made: now it would be: {listed}.\n"
            "Nothing was changed. Plan again, look at it, and apply that."
        )
        raise PlanOutdated(msg, tuple(revision for _, revision, _ in have))


def _steps_back(shown: Plan, fresh: Plan) -> bool:
    """Whether statements would run that were done when the plan was shown."""
    done = {action.revision: action.resume.done for action in fresh.actions if action.resume}
    left = shown.actions[-len(fresh.actions) :]
    return any(action.resume and action.resume.done > done.get(action.revision, 0) for action in left)


def not_resumed_at_once(plan: Plan) -> None:
    """After a lost race: what is unfinished now is at work elsewhere, and is left alone. Raises `Unfinished`."""
    if rows := [action.resume.begun for action in plan.actions if action.resume]:
        raise _resuming.unfinished(
            rows, [f"{_resuming.since(row)}: another runner was faster, and is at work on it" for row in rows]
        )


def overtaken(action: Action) -> PlanOutdated:
    """Another runner wrote the step first, and the caller's transaction began before that."""
    msg = (
        f"another runner was faster with {action.name}. Nothing of it was done here a second time.\n"
        "Roll back your transaction, and call trek again in a new one."
    )
    return PlanOutdated(msg, (action.revision,))


def not_shrunk(before: History, now: History) -> None:
    """Raises `PlanOutdated` if rows that were there are not: a history whose rows are counted never shrinks."""
    counted = before.next > 1
    if (before.exists and not now.exists) or now.next < before.next or (counted and len(now.rows) < len(before.rows)):
        msg = (
            "the history lost rows while trek ran: somebody deletes from it, or replaced it by another.\n"
            "Nothing was changed. Find out who: rows of the history are never deleted."
        )
        raise PlanOutdated(msg)


def done_before(error: BaseException, ran: Sequence[Ran]) -> None:
    """Has an error that ends a run say what the run did before it, in place of "nothing"; some tell it by themselves."""
    if not ran or not isinstance(error, TrekError) or isinstance(error, MigrationFailed | PluginError):
        return
    from trek_core._explain import names  # noqa: PLC0415 - what an error needs is imported when there is one

    done, said = f"Done before it in this run: {names([one.revision for one in ran])}.", str(error)
    error.args = (said.replace(UNCHANGED, done) if UNCHANGED in said else f"{said}\n{done}",)
