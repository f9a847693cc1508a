"""Asking a session, before a migration that may leave it otherwise, what to make of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trek_asyncpg import _failure
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._reading import ANY
from trek_asyncpg._session import SNAPSHOT, Snapshot, ask_custom, custom_settings
from trek_asyncpg._unit import Unit
from trek_asyncpg._wire import rows
from trek_core.plugin import replace

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection


class Before:
    """What a session was when it was given. snapshot: None where the lock's query did not bring it."""

    def __init__(self, connection: Connection, snapshot: Snapshot | None, *, pooled: bool) -> None:
        self._connection, self._snapshot, self.pooled = connection, snapshot, pooled

    async def restored(self, unit: Unit) -> Unit:
        """The unit with the statements that put the session back. Raises `UnitFailed`: nothing of the unit was sent."""
        names = custom_settings(unit.action.body)
        custom = (await self._asked(ask_custom(names)))[0] if names else {}
        found = await self._found()
        restore = found.restore(unit.action.body, custom, nested=unit.nested, pooled=self.pooled)
        return replace(unit, restore=restore, as_found=found.as_found(local=True))

    async def timed(self, unit: Unit) -> Unit:
        """The unit with the statements that put only its timeouts back. Raises as `restored` does."""
        return replace(unit, restore=(await self._found()).timeouts())

    async def _found(self) -> Snapshot:
        self._snapshot = self._snapshot or Snapshot.of((await self._asked(SNAPSHOT))[0])
        return self._snapshot

    async def _asked(self, expression: str) -> list[dict[str, Any]]:
        try:
            return await rows(self._connection, f"SELECT {expression}")
        except ANY as error:
            problem = (
                f"nothing of it was sent: the session could not be asked what it is: {type(error).__name__}: {error}"
            )
            raise UnitFailed(replace(_failure.of(error), message=problem)) from error
