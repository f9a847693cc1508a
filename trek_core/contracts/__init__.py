"""What plugins implement. Hooks only register such objects; everything awaited is a method of one of them.

The numbered sentences are the contract; the tests of the conformance kits in `trek_core.testing` carry their numbers.
Where trek is the subject it is trek's promise, and trek's own tests carry the number.
"""

from typing import TYPE_CHECKING

from trek_core._door import door
from trek_core.contracts._executor import Executor
from trek_core.contracts._layout import Layout
from trek_core.contracts._loader import Loader
from trek_core.contracts._observer import Observer
from trek_core.contracts._providers import ExecutorProvider, NoSettings, Provider
from trek_core.contracts._store import VersionStore

if TYPE_CHECKING:
    from trek_core.contracts._scratch import DumpExecutor, ScratchExecutor
    from trek_core.contracts._tree import Catalog, Tree
else:  # what most runs have no use for
    __getattr__ = door(
        __name__,
        {"trek_core.contracts._scratch": "DumpExecutor ScratchExecutor", "trek_core.contracts._tree": "Catalog Tree"},
    )

__all__ = [
    "Catalog",
    "DumpExecutor",
    "Executor",
    "ExecutorProvider",
    "Layout",
    "Loader",
    "NoSettings",
    "Observer",
    "Provider",
    "ScratchExecutor",
    "Tree",
    "VersionStore",
]
