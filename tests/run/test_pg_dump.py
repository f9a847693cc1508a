"""What pg_dump writes runs as it is: dumped, migrated into another database, dumped again, and nothing differs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, clean, settings
from tests.support.programs import program
from trek_asyncpg import migrate, testing
from trek_core import LoadError
from trek_core._big import BIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.run.folders import Connection
    from tests.support.databases import Database, Server

SHOP = Path(__file__).with_name("shop_to_dump.sql").read_text()
PLAIN: tuple[str, ...] = ()
KINDS = {
    "plain": PLAIN,
    "inserts": ("--inserts",),
    "column inserts": ("--column-inserts",),
    "rows of inserts": ("--inserts", "--rows-per-insert=50"),
    "dollar quoting off": ("--disable-dollar-quoting", "--inserts"),
    "all identifiers quoted": ("--quote-all-identifiers",),
    "data first, schema only, and clean": ("--clean", "--if-exists"),
}


@pytest.fixture
def pg_dump(pg_bindir: Path | None) -> str:
    return program("pg_dump", pg_bindir)


@pytest.fixture
async def elsewhere(server: Server) -> AsyncIterator[Database]:
    """Another empty database."""
    async with testing.database(server) as made:
        yield made


def dump(pg_dump: str, database: Database, *options: str) -> str:
    command = [pg_dump, "-d", database.dsn, "--exclude-table=trek_history", *options]
    done = subprocess.run(command, capture_output=True, check=False)
    if b"server version mismatch" in done.stderr:
        pytest.skip(done.stderr.decode())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def comparable(text: str) -> list[str]:
    """Without the token that every dump has of its own."""
    return [line for line in text.splitlines() if not line.startswith(("\\restrict ", "\\unrestrict "))]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dump_migrated_elsewhere_and_dumped_again_is_the_same(  # noqa: PLR0917 - fixtures
    connection: Connection, database: Database, elsewhere: Database, tmp_path: Path, pg_dump: str, kind: str
) -> None:
    await connection.execute(SHOP)
    text = dump(pg_dump, database, *KINDS[kind])
    (tmp_path / "1_shop.sql").write_text(text)
    into = await elsewhere.connect()
    before = await settings(into)
    await migrate(into, tmp_path)
    assert await settings(into) == before
    assert await applied(into) == ["1"]
    assert comparable(dump(pg_dump, elsewhere, *KINDS[kind])) == comparable(text)
    await clean(into)


@pytest.mark.parametrize("options", [PLAIN, ("--inserts",)], ids=["copy", "inserts"])
async def test_a_big_dump_too(  # noqa: PLR0917 - fixtures
    connection: Connection, database: Database, elsewhere: Database, tmp_path: Path, pg_dump: str, options: tuple[str, ...]
) -> None:  # fmt: skip
    await connection.execute(SHOP)
    await connection.execute(
        'INSERT INTO "odd ""schema"."Orders; all" (user_id, total, data)'
        " SELECT 1 + mod(i, 5), i, to_jsonb(repeat(E'ü\\\\\\n', 10) || i) FROM generate_series(1, 60000) i"
    )
    text = dump(pg_dump, database, *options)
    assert len(text.encode()) > BIG
    (tmp_path / "1_shop.sql").write_text(text)
    into = await elsewhere.connect()
    before = await settings(into)
    await migrate(into, tmp_path)
    assert await settings(into) == before
    assert comparable(dump(pg_dump, elsewhere, *options)) == comparable(text)
    await clean(into)


async def test_large_objects_in_a_dump_are_refused_with_their_line(
    connection: Connection, database: Database, tmp_path: Path, pg_dump: str
) -> None:
    await connection.execute("SELECT lo_from_bytea(0, 'hello')")
    text = dump(pg_dump, database)
    (tmp_path / "1_shop.sql").write_text(text)
    with pytest.raises(LoadError) as caught:
        await migrate(connection, tmp_path)
    lines = text.splitlines()
    assert "pg_catalog.lo_create(" in lines[(caught.value.line or 0) - 1]
    assert "--no-blobs" in caught.value.advice
