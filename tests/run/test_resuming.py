"""A run that died in the middle of a migration outside a transaction: the next goes on, and nothing runs twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.run.deaths import dies, dies_after, folder_with, planned, ran
from tests.run.folders import applied, clean
from trek_asyncpg import migrate
from trek_core import PlanError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database


@dataclass(frozen=True)
class Kind:
    """A statement, the lock that it waits for before it does anything, one in its middle, and what is right at the end."""

    statement: str
    before: str = "LOCK TABLE b IN ACCESS EXCLUSIVE MODE"
    middle: str = "LOCK TABLE b IN ROW EXCLUSIVE MODE"
    debris: str = ""
    right: str = "SELECT count(*) = 2 FROM pg_index WHERE indrelid = 'b'::regclass AND indisvalid"
    keeps: str = ""


BUILT = "SELECT indexrelid FROM pg_index WHERE indrelid = 'b'::regclass AND indexrelid <> 'old_id'::regclass"
INVALID = "SELECT NOT bool_and(indisvalid) FROM pg_index"
KINDS = {
    "named": Kind("CREATE INDEX CONCURRENTLY b_id ON b (id)", debris=INVALID, keeps=BUILT),
    "unique": Kind("CREATE UNIQUE INDEX CONCURRENTLY b_id ON b (id)", debris=INVALID, keeps=BUILT),
    "unless it exists": Kind("CREATE INDEX CONCURRENTLY IF NOT EXISTS b_id ON b (id)", debris=INVALID, keeps=BUILT),
    "quoted": Kind(
        'create index /* b; */ concurrently "B "" id" ON ONLY "public" . b (p)', debris=INVALID, keeps=BUILT
    ),
    "unnamed": Kind("CREATE INDEX CONCURRENTLY ON public.b USING btree (id, p DESC)", debris=INVALID, keeps=BUILT),
    "expression": Kind("CREATE INDEX CONCURRENTLY ON b (abs(id)) INCLUDE (p)", debris=INVALID, keeps=BUILT),
    "dropped": Kind("DROP INDEX CONCURRENTLY old_id", debris=INVALID, right="SELECT to_regclass('old_id') IS NULL"),
    "dropped unless gone": Kind(
        "DROP INDEX CONCURRENTLY IF EXISTS public.old_id RESTRICT",
        debris=INVALID,
        right="SELECT to_regclass('old_id') IS NULL",
    ),
    "index built again": Kind(
        "REINDEX INDEX CONCURRENTLY old_id",
        debris=INVALID,
        right="SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'b'::regclass AND indisvalid",
    ),
    "table built again": Kind(
        "REINDEX (VERBOSE) TABLE CONCURRENTLY b",
        debris=INVALID,
        right="SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'b'::regclass",
    ),
    "vacuum": Kind("VACUUM FULL b", middle="", right="SELECT true"),
    "detached": Kind(
        "ALTER TABLE parent DETACH PARTITION part CONCURRENTLY",
        before="LOCK TABLE parent IN ACCESS EXCLUSIVE MODE",
        middle="LOCK TABLE parent IN ACCESS SHARE MODE",
        debris="SELECT bool_or(inhdetachpending) FROM pg_inherits",
        right="SELECT count(*) = 0 FROM pg_inherits WHERE inhparent = 'parent'::regclass",
    ),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


async def goes_on(connection: Connection, folder: str, kind: Kind) -> None:
    """The next run ends what the other left, and everything ran once."""
    plan = await planned(connection, folder)
    (action,) = plan.actions
    assert action.resume is not None
    assert (action.resume.done, action.resume.open is not None) == (1, True)
    with pytest.raises(PlanError, match="what became of statement 2 of 3 must be looked at"):
        plan.sql()
    assert [ran.revision for ran in (await migrate(connection, folder)).ran] == ["2"]
    assert await connection.fetchval(kind.right)
    assert await ran(connection) == ["before", "after"]
    assert await applied(connection) == ["1", "2"]
    assert not await migrate(connection, folder)
    await clean(connection)


@every_kind
async def test_it_died_before_the_statement_did_anything(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, kind: Kind
) -> None:
    folder = await folder_with(connection, tmp_path, kind.statement)
    await dies(database, other, folder, kind.before)
    await goes_on(connection, folder, kind)


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k.middle], ids=[i for i, k in KINDS.items() if k.middle])
async def test_it_died_in_the_middle_of_the_statement(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, kind: Kind
) -> None:
    folder = await folder_with(connection, tmp_path, kind.statement)
    await dies(database, other, folder, kind.middle)
    assert await connection.fetchval(kind.debris)
    await goes_on(connection, folder, kind)


@every_kind
async def test_it_died_after_the_statement_and_before_that_was_written_down(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, kind: Kind
) -> None:
    folder = await folder_with(connection, tmp_path, kind.statement)
    await dies_after(database, other, folder, kind.before)
    assert await connection.fetchval(kind.right)
    kept = kind.keeps and await connection.fetchval(kind.keeps)
    await goes_on(connection, folder, kind)
    assert kept == (kind.keeps and await connection.fetchval(kind.keeps)), "it was built a second time"
