import asyncio
from contextlib import asynccontextmanager

import pytest
from trek_audit_store import AuditSettings, AuditStore

from trek_asyncpg import migrate
from trek_asyncpg.testing import ground
from trek_core import ConfigError
from trek_core.plugin import Sql
from trek_core.testing import StoreCase, VersionStoreSuite, check_plugin


class TestAuditStore(VersionStoreSuite):
    @asynccontextmanager
    async def case(self):
        async with ground() as empty:
            yield StoreCase(
                AuditStore(AuditSettings(ticket="OPS-1")),
                empty,
                other=AuditStore(AuditSettings(ticket="OPS-1", table="other")),
                other_shape=Sql("CREATE SCHEMA audit CREATE TABLE changes (shoe_size integer)"),
            )


def run(tmp_path, *tickets):
    """Migrates with each ticket in turn; gives the rows of the audit table."""
    (tmp_path / "1_a.sql").write_text("CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;")

    async def work():
        async with ground() as empty:
            for target, ticket in zip(("head", "base"), tickets, strict=False):
                store = AuditStore(AuditSettings(ticket=ticket))
                await migrate(empty.database.dsn, str(tmp_path), target, store=store)
                await empty.onlooker.execute("INSERT INTO audit.changes (what, ticket) VALUES ('deployment', 'OPS-9')")
            return await empty.query("SELECT * FROM audit.changes WHERE what = 'migration' ORDER BY step")

    return asyncio.run(work())


def test_rows_say_who_did_what_and_which_ticket_asked_for_it(tmp_path):
    up, down = run(tmp_path, "OPS-1", "OPS-2")
    assert (up["revision"], up["verb"], up["ticket"], down["verb"], down["ticket"]) == (
        "1",
        "apply",
        "OPS-1",
        "revert",
        "OPS-2",
    )
    assert up["who"]


def test_without_a_ticket_nothing_is_migrated(tmp_path):
    with pytest.raises(ConfigError, match=r"no ticket: every change in audit\.changes names one"):
        run(tmp_path, "")


def test_it_is_found():
    check_plugin("audit", offers=["store audit"])
