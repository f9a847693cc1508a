"""The histories of the tools whose files name those before them, as trek's own and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.formats import test_alembic, test_pogo_migrate, test_yoyo
from tests.formats.foreign import ForeignCase, told
from trek_asyncpg import AsyncpgBackend
from trek_core import Conversion, Migrator
from trek_loaders import formats

if TYPE_CHECKING:
    from tests.support.databases import Database

TABLES = {"yoyo": ", ".join(test_yoyo.TABLES), "pogo-migrate": "_pogo_migration, _pogo_version"}


@pytest.mark.parametrize(
    "case", [test_alembic.CASE, test_pogo_migrate.CASE, test_yoyo.CASE], ids=lambda one: one.format
)
async def test_what_was_applied_becomes_treks_own_and_comes_back(database: Database, case: ForeignCase) -> None:
    loading = await database.connect()
    await loading.execute((case.path / "history.sql").read_text(encoding="utf-8"))
    await loading.close()
    connection, folder = await database.connect(), case.path / case.folder
    before = await case.rows(connection)
    backend = AsyncpgBackend(connection, plugins=[formats])
    report = await Conversion(backend, folder, source=case.format, target="native").run()
    assert tuple(ran.revision for ran in report.ran) == case.applied
    own = Migrator(AsyncpgBackend(connection, layout=case.format, store="native", plugins=[formats]), folder)
    assert told(await own.status()) == dict.fromkeys(case.applied, "applied")
    await connection.execute(f"DROP TABLE {TABLES.get(case.format, case.table)}")
    await Conversion(backend, folder, source="native", target=case.format).run()
    assert await case.rows(connection) == before
