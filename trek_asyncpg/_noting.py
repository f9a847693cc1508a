"""A failure in a transaction leaves nothing; what a store keeps of it all the same is written afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._unit import GONE, Unit
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Action, Failed, Record, script

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

BRIEF = script.limits(1.0, 5.0)
"""Nobody waits long for a note."""


async def note(connection: Connection, result: Failed, pairs: Iterable[tuple[Action, Record]]) -> None:
    """Writes what its record says of a failure whose transaction was rolled back. It never raises: the failure counts.

    In the caller's transaction a note would go with it.
    """
    record = next(record for action, record in pairs if action is result.action)
    gone = result.failure.outcome not in ("rolled back", "ended") or connection.is_closed()
    if gone or result.action.mode != "transaction" or not record.failed or connection.is_in_transaction():
        return
    unit = Unit(connection, result.action, record, (), nested=False, mark=False)
    with contextlib.suppress(UnitFailed, *GONE):
        await to_the_end(_sent(unit, result))


async def _sent(unit: Unit, result: Failed) -> None:
    try:
        await unit.send((script.BEGIN, *BRIEF, *script.told(unit.record, result.failure), script.COMMIT))
    finally:
        await unit.roll_back()
