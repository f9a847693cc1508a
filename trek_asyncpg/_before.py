"""Asking a session, before a migration that may leave it otherwise, what to make of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trek_asyncpg import _failure
from trek_asyncpg._reading import ANY
from trek_asyncpg._session import SNAPSHOT, Snapshot, ask_custom, custom_settings
from trek_asyncpg._unit import Unit, UnitFailed
from trek_asyncpg._wire import rows

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection
    from trek_core.plugin import Body


class Before:
    """What a session was when it was given. snapshot: None where the lock's query did not bring it."""

    def __init__(self, connection: Connection, snapshot: Snapshot | None, *, pooled: bool) -> None:
        self._connection, self._snapshot, self._pooled = connection, snapshot, pooled

    async def restored(self, unit: Unit) -> Unit:
        """The unit with the statements that put the session back. Raises `UnitFailed`: nothing of the unit was sent."""
        body = unit.action.body
        try:
            custom = await self._custom(body)
            found = self._snapshot or Snapshot.of((await rows(self._connection, f"SELECT {SNAPSHOT}"))[0])
        except ANY as error:
            problem = (
                f"nothing of it was sent: the session could not be asked what it is: {type(error).__name__}: {error}"
            )
            raise UnitFailed(replace(_failure.of(error), message=problem)) from error
        self._snapshot = found
        restore = found.restore(body, custom, nested=unit.nested, pooled=self._pooled)
        return replace(unit, restore=restore, as_found=found.as_found(local=True))

    async def _custom(self, body: Body | None) -> dict[str, str | None]:
        """The custom settings that the body names: a round trip where it names any."""
        names = custom_settings(body)
        return (await rows(self._connection, f"SELECT {ask_custom(names)}"))[0] if names else {}
