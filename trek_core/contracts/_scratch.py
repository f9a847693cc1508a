"""What a session may offer beside `Executor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from trek_core.contracts._executor import Executor


@runtime_checkable
class ScratchExecutor(Protocol):
    """An executor that can also make an empty database beside its own, and read what a schema is.

    It is a class beside `Executor` and no duty of one: `trek test` asks the session for it, and refuses one that lacks it.
    """

    async def catalogue(self) -> Mapping[str, str]:
        """What the schemas of the session's database consist of: object -> definition, without data.

        Equal for equal schemas: two databases on which the same statements ran have the same, and a statement and its
        opposite leave it as it was. Object names are for people: "table public.users". Raises `ConfigError`, `ConnectError`.
        """
        ...

    def scratch(self) -> AbstractAsyncContextManager[Callable[[], AbstractAsyncContextManager[Executor]]]:
        """Makes an empty database like the session's, on the same server; gives what opens sessions with it.

        It is dropped at the end of the block, also after an error and a cancellation in it, with whoever is still
        connected. The session's own database, and a transaction of its caller, are not touched. Raises `ConfigError`
        where the role may make none, with the way out.
        """
        ...


@runtime_checkable
class DumpExecutor(Protocol):
    """An executor that can also write its database's schema as a script: `trek dump` asks the session for it."""

    async def dump(self, *, grants: bool) -> str:
        """The schema of the session's database, the history's table included, as a script for psql that ends with a newline.

        The same for the same schema, whatever wrote it: no versions, no times, no owners; GRANT and REVOKE where `grants`
        says so. Raises `ConfigError` where a program for it is missing, `ConnectError`.
        """
        ...
