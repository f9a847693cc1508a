"""A folder of migrations and a database in memory, for core's own tests of whole runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from trek_core import (
    Migrator,
    Observer,
)
from trek_core.events import (
    Event,
)
from trek_core.testing import MemoryDatabase, MemoryExecutor, memory_backend

THREE = {f"000{n}_{n}.sql": f"up {n};\n-- trek: down\ndown {n};\n" for n in (1, 2, 3)}
HISTORY = "public.trek_history"


class Place:
    """A folder and a database."""

    def __init__(self, path: Path) -> None:
        self.path, self.database = path, MemoryDatabase("shop")
        self.heard: list[Event] = []

    def write(self, files: dict[str, str]) -> Place:
        for name, text in files.items():
            (self.path / name).write_text(text)
        return self

    def migrator(self, executor: type[MemoryExecutor] = MemoryExecutor, lock_wait: float = 5) -> Migrator:
        observers = [Observer("ear", self.hear)]
        backend = memory_backend(self.database, executor=executor)
        return Migrator(backend, self.path, lock_wait=lock_wait, observers=observers)

    async def hear(self, event: Event) -> None:
        self.heard.append(event)

    @property
    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.heard]

    async def until(self, kind: type[Event]) -> None:
        """Waits until such an event was heard."""
        async with asyncio.timeout(5):
            while kind not in self.kinds:
                await asyncio.sleep(0.001)

    async def applied(self) -> list[str]:
        return [revision.revision for revision in (await self.migrator().status()).applied]
