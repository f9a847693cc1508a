"""Hops become actions: scripts are loaded, modes are decided, a missing way down is found, all before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trek_core._blame import Offer, call, expect
from trek_core._bodies import check_body, is_sound, transaction_words
from trek_core._catalog import checksum
from trek_core._door import later
from trek_core.errors import Irreversible, LoadError
from trek_core.model import Action, Body, Entry, Hop, Mode, Script, Sql

if TYPE_CHECKING:
    from trek_core import _resuming
    from trek_core.contracts import Layout, Tree
else:
    (_resuming,) = later("_resuming")

NAMES_ITS_WAYS = "native"
"""The plugin whose layout takes `0001_users.down.sql` beside `0001_users.sql`."""
WRITES_ONLY_HISTORY = ("mark", "unmark")


def build(hops: Iterable[Hop], tree: Tree, layout: Offer[Layout]) -> tuple[Action, ...]:
    """Raises `LoadError`, `Irreversible`, and `PluginError` for what the layout or a loader did wrong."""
    return tuple(_action(hop, index, tree, layout) for index, hop in enumerate(hops))


def _action(hop: Hop, index: int, tree: Tree, layout: Offer[Layout]) -> Action:
    body = None if hop.verb in WRITES_ONLY_HISTORY else _body(hop, tree, layout)
    action = Action(
        entry=hop.entry,
        verb=hop.verb,
        mode=_mode(hop.entry, body),
        body=body,
        index=index,
        before=hop.before,
        after=hop.after,
        checksum=None if hop.verb in ("revert", "unmark") else checksum(hop.entry, tree, layout),
        resume=hop.resume,
        told=hop.told,
    )
    if hop.resume is not None:
        _resuming.refuse_uncertain(action)
    return action


def _body(hop: Hop, tree: Tree, layout: Offer[Layout]) -> Body:
    def where() -> str:
        return f"{'Entry' if hop.load is None else 'Hop'}.load({hop.entry.revision})"

    if hop.load is not None:
        return _checked(layout, where, call(layout, where, hop.load, tree), hop.entry)
    script = call(layout, where, hop.entry.load, tree)
    if not isinstance(script, Script):
        expect(layout, where(), script, Script)
    found = script.down if hop.verb == "revert" else script.up
    if found is None:
        raise _nothing_to_run(hop, script, tree, layout)
    return _checked(layout, where, found, hop.entry)


def _checked(layout: Offer[Layout], where: Callable[[], str], body: Body, entry: Entry) -> Body:
    """Most layouts hand on what a loader made, and who made it cannot be seen: both are named."""
    if is_sound(body):
        return body
    files = ", ".join(map(str, entry.files))
    check_body(layout, where(), body, f"the loader of {files}, or the layout itself, " if files else "")
    return body


def _nothing_to_run(hop: Hop, script: Script, tree: Tree, layout: Offer[Layout]) -> Exception:
    entry, where = hop.entry, _where(hop.entry)
    if hop.verb != "revert":
        return LoadError(where, None, f"revision {entry.revision} has no way up", "Only a way down was found.")
    if script.irreversible:
        why, advice = f"{where} says that it is irreversible", "Migrate forward with a new revision."
    else:
        why, advice = f"{where} has none", _way_out(entry, tree, layout)
    msg = f"there is no way down from {entry.revision}: {why}.\nNothing was changed. {advice}"
    return Irreversible(msg, (entry.revision,), on_purpose=script.irreversible)


def _way_out(entry: Entry, tree: Tree, layout: Offer[Layout]) -> str:
    """The file that would be the way down: a new one, because the applied one may not change."""
    if not entry.files:
        return "Migrate forward with a new revision."
    if layout.plugin != NAMES_ITS_WAYS:
        return "Migrate forward with a new revision; or, if its format has ways down, add one without a change to the way up."
    suffix = tree.suffix(entry.files[0])
    stem = re.sub(r"\.up$", "", entry.files[0].name.removesuffix(suffix), flags=re.IGNORECASE)
    write = f"Write {stem}.down{suffix} beside it (an applied file itself must not be edited)"
    return f"{write}, or migrate forward with a new revision."


def _mode(entry: Entry, body: Body | None) -> Mode:
    if body is None:
        return "transaction"
    refusing = None
    for statement in body.statements:
        if isinstance(statement, Sql) and statement.refuses_block:
            refusing = statement
            break
    mode = body.mode or ("autocommit" if refusing else "transaction")
    if mode == "transaction" and refusing is not None:
        problem = f"{refusing.refuses_block} cannot run in the transaction that was asked for"
        raise LoadError(refusing.file or _where(entry), refusing.line, problem, "Mark the file no-transaction.")
    if mode == "transaction":
        _refuse_ends(entry, body)
    if mode != "transaction" and body.lock_timeout is not None:
        problem = "a lock timeout has no place outside a transaction: it would leave work half done"
        raise LoadError(_where(entry), None, problem, "Remove lock-timeout, or use SET lock_timeout in the file.")
    return mode


def _refuse_ends(entry: Entry, body: Body) -> None:
    """A COMMIT in the body would end the transaction that the history's row stands in, whatever its loader saw."""
    for statement in body.statements:
        if isinstance(statement, Sql) and (
            words := statement.controls_transaction or transaction_words(statement.text)
        ):
            problem = f"{words}: trek itself begins and ends the transaction of this file"
            raise LoadError(
                statement.file or _where(entry), statement.line, problem, "Remove it, or mark the file no-transaction."
            )


def _where(entry: Entry) -> str:
    return str(entry.files[0]) if entry.files else entry.revision
