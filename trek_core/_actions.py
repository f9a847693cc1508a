"""Hops become actions: scripts are loaded, modes are decided, a missing way down is found, all before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trek_core.errors import Irreversible, LoadError
from trek_core.model import Action, Body, Entry, Hop, Mode, Script, Sql

if TYPE_CHECKING:
    from trek_core.contracts import Tree

WRITES_ONLY_HISTORY = ("mark", "unmark", "repair")


def build(hops: Iterable[Hop], tree: Tree) -> tuple[Action, ...]:
    """Raises `LoadError` and `Irreversible`."""
    return tuple(_action(hop, index, tree) for index, hop in enumerate(hops))


def _action(hop: Hop, index: int, tree: Tree) -> Action:
    body = None if hop.verb in WRITES_ONLY_HISTORY else _body(hop, tree)
    return Action(
        entry=hop.entry,
        verb=hop.verb,
        mode=_mode(hop.entry, body),
        body=body,
        index=index,
        before=hop.before,
        after=hop.after,
        checksum=None if hop.verb in ("revert", "unmark") else next(iter(hop.entry.checksums(tree)), None),
    )


def _body(hop: Hop, tree: Tree) -> Body:
    if hop.load is not None:
        return hop.load(tree)
    script = hop.entry.load(tree)
    body = script.down if hop.verb == "revert" else script.up
    if body is None:
        raise _nothing_to_run(hop, script)
    return body


def _nothing_to_run(hop: Hop, script: Script) -> Exception:
    entry, where = hop.entry, _where(hop.entry)
    if hop.verb != "revert":
        return LoadError(where, None, f"revision {entry.revision} has no way up", "Only a way down was found.")
    if script.irreversible:
        why, advice = f"{where} says that it is irreversible", "Migrate forward with a new revision."
    else:
        ways = "a part after `-- trek: down`, a .down.sql file, or `async def downgrade`"
        why, advice = f"{where} has none", f"Write one ({ways}), or migrate forward with a new revision."
    msg = f"there is no way down from {entry.revision}: {why}.\nNothing was changed. {advice}"
    return Irreversible(msg, (entry.revision,))


def _mode(entry: Entry, body: Body | None) -> Mode:
    if body is None:
        return "transaction"
    refusing = next((s for s in body.statements if isinstance(s, Sql) and s.refuses_block), None)
    mode = body.mode or ("autocommit" if refusing else "transaction")
    if mode == "transaction" and refusing is not None:
        problem = f"{refusing.refuses_block} cannot run in the transaction that was asked for"
        raise LoadError(refusing.file or _where(entry), refusing.line, problem, "Mark the file no-transaction.")
    if mode != "transaction" and body.lock_timeout is not None:
        problem = "a lock timeout has no place outside a transaction: it would leave work half done"
        raise LoadError(_where(entry), None, problem, "Remove lock-timeout, or use SET lock_timeout in the file.")
    return mode


def _where(entry: Entry) -> str:
    return str(entry.files[0]) if entry.files else entry.revision
