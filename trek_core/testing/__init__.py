"""Door 3: what a plugin author tests with."""

from trek_core.testing._check import check_plugin
from trek_core.testing._executor import ExecutorSuite
from trek_core.testing._ground import Ground
from trek_core.testing._layout import LayoutSuite
from trek_core.testing._layout_case import Folder, LayoutCase
from trek_core.testing._loader import LoaderSuite
from trek_core.testing._loader_case import LoaderCase
from trek_core.testing._memory import MemoryGround, memory_backend
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import MemoryDatabase, MemoryDatabaseError
from trek_core.testing._memory_executor import MemoryExecutor
from trek_core.testing._memory_store import MemoryStore
from trek_core.testing._store import VersionStoreSuite
from trek_core.testing._store_case import StoreCase
from trek_core.testing._tree import MemoryTree

__all__ = [
    "ExecutorSuite",
    "Folder",
    "Ground",
    "LayoutCase",
    "LayoutSuite",
    "LoaderCase",
    "LoaderSuite",
    "MemoryConnection",
    "MemoryDatabase",
    "MemoryDatabaseError",
    "MemoryExecutor",
    "MemoryGround",
    "MemoryStore",
    "MemoryTree",
    "StoreCase",
    "VersionStoreSuite",
    "check_plugin",
    "memory_backend",
]
