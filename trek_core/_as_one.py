"""Plans that are one transaction: what cannot be, found before anything is sent, and what a failure leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trek_core import script
from trek_core.errors import PlanError
from trek_core.events import Failure
from trek_core.model import Action, Sql
from trek_core.plans import Plan

NO_ROOM = "53200"  # out_of_memory: of the lock table, too
NEW_VALUE = "55P04"  # unsafe_new_enum_value_usage
SPARES_NEW_TYPES = 170_000
"""From this version of the server on, a value may be used at once if its type is of the same transaction."""
_NAME = r'(?:"[^"]*"|[\w$]+)'
_TEXT = r"'(?:[^']|'')*'"
_CREATES = re.compile(rf"\bCREATE\s+TYPE\s+(?:{_NAME}\s*\.\s*)?({_NAME})\s+AS\s+ENUM\b", re.IGNORECASE)
_ADDS = re.compile(
    rf"\bALTER\s+TYPE\s+(?:{_NAME}\s*\.\s*)?({_NAME})\s+ADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?E?({_TEXT})",
    re.IGNORECASE,
)
_COMMENTS = re.compile(rf"({_TEXT}|\"[^\"]*\")|--[^\n]*|/\*.*?\*/", re.DOTALL)


def refuse(plan: Plan) -> None:
    """Raises `PlanError`, naming two files, where one of the actions cannot share a transaction with another."""
    if outside := next((action for action in plan.actions if action.mode != "transaction"), None):
        raise _error(plan, *_runs_outside(plan, outside))
    if found := early_use(plan):
        raise _error(plan, *found)


def _error(plan: Plan, problem: str, advice: str, *actions: Action) -> PlanError:
    msg = (
        f"the plan for {plan.target!r} cannot be one transaction: {problem}.\n"
        f'Nothing was changed. {advice}; or let each migration commit by itself: transaction = "each".'
    )
    return PlanError(msg, tuple(action.revision for action in actions))


# --------------------------------------------------------------------------- outside a transaction
def _runs_outside(plan: Plan, action: Action) -> tuple[str, str, Action, Action]:
    before = plan.actions[action.index - 1] if action.index else None
    other = before or plan.actions[action.index + 1]
    refusing = next((s for s in script.statements(action) if isinstance(s, Sql) and s.refuses_block), None)
    why = f"has {refusing.refuses_block} in line {refusing.line}" if refusing else f"is in mode {action.mode}"
    problem = f"{_file(action)} runs outside a transaction (it {why}), and {_file(other)} is in the same plan"
    steps = [f"`trek migrate {one.revision}`" for one in (before, action) if one and action.verb == "apply"]
    way = f"Go there in steps, with {action.revision} in a run of its own"
    return problem, f"{way}: {', '.join(steps)}, then the rest" if steps else way, action, other


def _file(action: Action) -> str:
    files = action.entry.files
    return str(files[-1 if action.verb == "revert" else 0]) if files else action.name


# --------------------------------------------------------------------------- new values of an enum
def early_use(plan: Plan) -> tuple[str, str, Action, Action] | None:
    """A value that one statement adds to an enum and a later one seems to use, which 55P04 forbids in one transaction.

    By the texts: what quotes the same word for another reason is refused too, what builds it at run time is not seen.
    """
    made: set[str] = set()
    spares_new_types = not 0 < plan.history.facts.server_version < SPARES_NEW_TYPES
    added: dict[str, tuple[Action, Sql, str]] = {}
    for action, statement, text in _texts(plan):
        if spares_new_types:
            made.update(_folded(found[1]) for found in _CREATES.finditer(text))
        adds = list(_ADDS.finditer(text))
        value = None if adds else next((value for value in added if value in text), None)
        if value is not None:
            first, adding, kind = added[value]
            problem = (
                f"{_place(statement, value)} seems to use the value {value}, which {_place(adding, value)} adds to the type "
                f"{kind}, and PostgreSQL lets nobody use a new value before it is committed"
            )
            way = f"Bring the database to {first.revision} first: `trek migrate {first.revision}`"
            if first is action:
                way = "Put the statement that adds it into a migration of its own, and bring the database there first"
            return problem, way, first, action
        added |= {found[2]: (action, statement, found[1]) for found in adds if _folded(found[1]) not in made}
    return None


def _texts(plan: Plan) -> Iterator[tuple[Action, Sql, str]]:
    for action in plan.actions:
        for statement in script.statements(action):
            if isinstance(statement, Sql):
                plain = "--" not in statement.text and "/*" not in statement.text
                yield action, statement, statement.text if plain else _COMMENTS.sub(r"\1 ", statement.text)


def _place(statement: Sql, value: str) -> str:
    line = statement.line + statement.text.count("\n", 0, statement.text.find(value))
    return f"{statement.file}:{line}" if statement.file else f"the statement {statement.text[:40]!r}"


def _folded(name: str) -> str:
    return name[1:-1] if name.startswith('"') else name.lower()


# --------------------------------------------------------------------------- a failure
def stands(plan: Plan, action: Action, failure: Failure, way_on: str, *, nested: bool) -> Iterator[str]:
    """What stands after a failure, and the way on. `way_on` is that of a migration by itself."""
    whole = f"the plan, {len(plan.actions)} migrations in one transaction"
    if failure.outcome == "unknown":
        yield f"The connection was lost before the answer came: whether {whole}, was committed is unknown."
        yield "It was all or nothing."
    elif failure.outcome == "committed":
        yield f"All of {whole}, was committed: only the answer was lost. A new session found it in the history."
    else:
        back = "your transaction was rolled back to where it began, and is open" if nested else "it was rolled back"
        yield f"Nothing of {whole}, remains: {back}."
        way_on = way_on.replace(f"goes on with {action.revision}", f"begins again with {plan.actions[0].revision}")
    yield _way_on(plan, failure) or way_on


def _way_on(plan: Plan, failure: Failure) -> str:
    if failure.sqlstate == NO_ROOM:
        return (
            f"One transaction holds the locks of all {len(plan.actions)}: the server's lock table has no room for more. Go in "
            'smaller steps (`trek migrate +1000`), say transaction = "each", or raise max_locks_per_transaction.'
        )
    if failure.sqlstate == NEW_VALUE:
        return (
            "A new value of an enum cannot be used in the transaction that adds it: `trek migrate` to the migration that "
            'adds it first, or say transaction = "each".'
        )
    return ""
