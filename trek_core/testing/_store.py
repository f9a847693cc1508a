"""The suite of version stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trek_core.testing._store_race import RaceTests
from trek_core.testing._store_reading import ReadingTests
from trek_core.testing._store_recording import RecordingTests
from trek_core.testing._store_resuming import ResumingTests
from trek_core.testing._store_state import StateTests


class VersionStoreSuite(ReadingTests, StateTests, RecordingTests, ResumingTests, RaceTests):
    """Holds a version store to its contract (S2 to S33). One class and one method; this one is complete::

        from contextlib import asynccontextmanager

        from trek_asyncpg.testing import ground
        from trek_core.plugin import Sql
        from trek_core.testing import StoreCase, VersionStoreSuite

        from trek_shop import ShopSettings, ShopStore

        class TestShopStore(VersionStoreSuite):
            @asynccontextmanager
            async def case(self):
                async with ground() as empty:
                    yield StoreCase(
                        ShopStore(ShopSettings()),
                        empty,
                        other=ShopStore(ShopSettings(table="app_history")),
                        other_shape=Sql("CREATE TABLE public.shop_history (shoe_size integer)"),
                    )

    The tests make migrations up, have the store record them, and an executor carry them out as in a run. A store that
    lacks something says so, with the reason, which the skipped tests then show::

            without = {"titles": "the organisation's table has no column for them"}

    A store outside the database gives its statements as `Call`s, and takes any ground: `MemoryGround()` needs no server.
    `other` and `other_shape` are its own kind of other place, and a `Call` that makes something else there.
    """

    capabilities: ClassVar[Mapping[str, str]] = {
        "settings": "its settings can name another table: give StoreCase.other",
        "locks": "each of its tables has a lock of its own",
        "shape": "a table of another shape can be where its own should be: give StoreCase.other_shape",
        "names": "its revisions are any texts: if not, give StoreCase.revision",
        "rows": "it keeps a row of each applied revision, not only of the one where the database stands",
        "checksums": "it keeps the checksums of files, and says which were edited",
        "titles": "it keeps the titles of revisions",
        "outside": "it records migrations that run outside a transaction",
        "unfinished": "it shows what was begun outside a transaction and did not come to its end",
        "transaction": "its rows are written in the migration's own transaction, and go when that is rolled back",
        "guard": "a unique key keeps two runners from writing the same step, and the executor knows its violation",
    }
