"""What looks bad and is not: it works, and leaves the same behind as its plain twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trek_asyncpg import migrate, status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection

PLAIN = b"-- users\nCREATE TABLE users (\n  id int\n);\n-- trek: down\nDROP TABLE users;\n"
BOM = b"\xef\xbb\xbf"
HOSTILE = 'a"; drop table x; --'
NAMES = (
    '0001_it\'s a "table".sql',
    "0001_with  two   spaces .sql",
    "0001_$1; DROP TABLE x; --.sql",
    "0001_back\\slash%s{0}.sql",
    "0001_größe_表_🐘.sql",
    f"0001_{'n' * 200}.sql",
)


def write(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder


async def checksum(connection: Connection) -> str:
    return await connection.fetchval("SELECT checksum FROM trek_history")


@pytest.mark.parametrize(
    "content",
    [BOM + PLAIN, PLAIN.replace(b"\n", b"\r\n"), BOM + PLAIN.replace(b"\n", b"\r\n")],
    ids=["BOM", "CRLF", "both"],
)
async def test_a_bom_and_crlf_work_both_ways_and_have_the_checksum_of_the_plain_file(
    connection: Connection, tmp_path: Path, content: bytes
) -> None:
    folder = write(tmp_path, "1_users.sql", content)
    await migrate(connection, folder)
    found = await checksum(connection)
    assert (await status(connection, write(folder, "1_users.sql", PLAIN))).state == "current"
    assert not await migrate(connection, folder)
    write(folder, "1_users.sql", content)
    assert len((await migrate(connection, folder, "base")).ran) == 1
    await connection.execute("DROP TABLE trek_history")
    await migrate(connection, write(folder, "1_users.sql", PLAIN))
    assert await checksum(connection) == found


@pytest.mark.parametrize("name", NAMES, ids=["quotes", "spaces", "SQL", "format", "unicode", "200 characters"])
async def test_any_title_works_and_stands_in_the_history_as_it_is(
    connection: Connection, tmp_path: Path, name: str
) -> None:
    await connection.execute("CREATE TABLE x (id int)")
    await migrate(connection, write(tmp_path, name, PLAIN))
    assert await connection.fetchval("SELECT title FROM trek_history") == name.removeprefix("0001_").removesuffix(
        ".sql"
    )
    assert [ran.revision for ran in (await migrate(connection, tmp_path, "base")).ran] == ["0001"]
    assert await connection.fetchval("SELECT to_regclass('x') IS NOT NULL AND to_regclass('users') IS NULL")


async def test_a_python_migration_of_any_name_works(connection: Connection, tmp_path: Path) -> None:
    code = b"async def upgrade(connection):\n    await connection.execute('CREATE TABLE users (id int)')\n"
    await migrate(connection, write(tmp_path, '0001_it\'s a "table"; größe.py', code))
    assert await connection.fetchval("SELECT to_regclass('users') IS NOT NULL")


async def test_an_error_in_a_file_of_any_name_names_the_file(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="line") as raised:
        await migrate(connection, write(tmp_path, NAMES[0], b"SELECT 1;\nSELECT line"))
    assert f"{tmp_path}/{NAMES[0]}:2:8: " in str(raised.value)


async def test_a_folder_of_any_name_works(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "my" größe; --'
    folder.mkdir()
    assert len((await migrate(connection, write(folder, "1_users.sql", PLAIN))).ran) == 1


@pytest.mark.parametrize("made_before", [False, True])
async def test_a_hostile_schema_is_only_a_name_and_nothing_else_is_dropped(
    connection: Connection, tmp_path: Path, made_before: bool
) -> None:
    await connection.execute("CREATE TABLE x (id int)")
    if made_before:
        await connection.execute('CREATE SCHEMA "a""; drop table x; --"')
    folder = write(tmp_path, "1_users.sql", PLAIN)
    await migrate(connection, folder, schema=HOSTILE)
    found = await connection.fetch(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema)' ORDER BY 2"
    )
    assert [tuple(row) for row in found] == [(HOSTILE, "trek_history"), ("public", "users"), ("public", "x")]
    assert (await status(connection, folder, schema=HOSTILE)).state == "current"
    assert len((await migrate(connection, folder, "base", schema=HOSTILE)).ran) == 1


async def test_a_hostile_table_is_only_a_name(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("CREATE TABLE x (id int)")
    folder = write(tmp_path, "1_users.sql", PLAIN)
    settings = {"table": "h'; drop table x; --", "schema": HOSTILE}
    await migrate(connection, folder, store_settings=settings)
    assert not await migrate(connection, folder, store_settings=settings)
    assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE relname = $1", settings["table"]) == 1
    assert await connection.fetchval("SELECT to_regclass('public.x') IS NOT NULL")


async def test_a_table_of_exactly_63_bytes_works(connection: Connection, tmp_path: Path) -> None:
    name = "ö" * 31 + "h"
    folder = write(tmp_path, "1_users.sql", PLAIN)
    await migrate(connection, folder, store_settings={"table": name})
    assert not await migrate(connection, folder, store_settings={"table": name})
    assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE relname = $1", name) == 1
