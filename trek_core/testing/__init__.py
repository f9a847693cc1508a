"""Door 3: what a plugin author tests with."""

from trek_core.testing._ground import Ground
from trek_core.testing._memory import MemoryGround, memory_backend
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import MemoryDatabase, MemoryDatabaseError
from trek_core.testing._memory_executor import MemoryExecutor
from trek_core.testing._memory_store import MemoryStore

__all__ = [
    "Ground",
    "MemoryConnection",
    "MemoryDatabase",
    "MemoryDatabaseError",
    "MemoryExecutor",
    "MemoryGround",
    "MemoryStore",
    "memory_backend",
]
