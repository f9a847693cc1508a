"""`trek_core.dump`: the same bytes whatever wrote it, and a database that is made of it is where the first one was."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.catalogue.changes import FE, FT, F
from tests.cli.project import THREE
from tests.support import versions
from trek_asyncpg import AsyncpgBackend, catalogue
from trek_asyncpg._dump import find, normal
from trek_core import ConfigError, Migrator, compare, dump
from trek_core.testing import memory_backend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.databases import Connection, Database

RICH = f"""
CREATE SCHEMA app; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN email AS text CHECK (VALUE ~ '@'); {F}; {FT}; {FE};
CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, e email UNIQUE, m mood DEFAULT 'ok', at timestamptz,
  low text GENERATED ALWAYS AS (lower(e)) STORED, CHECK (id > 0)) WITH (fillfactor = 70);
CREATE TABLE o (id serial, t bigint REFERENCES t ON DELETE CASCADE, EXCLUDE USING btree (id WITH =));
CREATE TABLE p (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); CREATE INDEX ON p (id);
CREATE INDEX low ON t (lower(e)) WHERE id > 3; CREATE STATISTICS st (ndistinct) ON id, m FROM t;
CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM t; CREATE SEQUENCE q CYCLE;
CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION ft(); CREATE RULE ru AS ON DELETE TO o DO INSTEAD NOTHING;
ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON t FOR SELECT USING (id > 1); COMMENT ON COLUMN t.e IS 'x';
CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION fe(); CREATE PUBLICATION pub FOR TABLE t;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE ft (a int OPTIONS (n 'x')) SERVER s;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC; GRANT SELECT ON t TO PUBLIC;
REVOKE EXECUTE ON FUNCTION f FROM PUBLIC; CREATE FUNCTION d() RETURNS text LANGUAGE sql AS $f$ SELECT '
--
-- PostgreSQL database dump complete
--

\\restrict x
' $f$;
"""


def found_dumps() -> dict[int, Path]:
    """Major version -> the folder of a pg_dump that is on this machine."""
    folders = [
        found for number in versions.RELEASES for found in versions.FOLDER.glob(f"{versions.RELEASES[number]}/*/bin")
    ]
    if on_path := shutil.which("pg_dump"):
        folders.append(Path(on_path).parent)
    return {_major(folder): folder for folder in folders if (folder / "pg_dump").is_file()}


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split(") ")[1].split(".")[0])


@asynccontextmanager
async def made_of(text: str, database: Database, connection: Connection, folder: Path) -> AsyncIterator[str]:
    """The DSN of a new database into which psql has loaded the script."""
    name = f"{database.name}_loaded"
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    dsn = database.dsn.replace(database.name, name)
    (folder / "schema.sql").write_text(text, newline="")
    psql = Path(await find(connection.get_server_version().major)).with_name("psql")
    try:
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "schema.sql"), dsn]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "ERROR" in done.stderr) == (0, False), done.stderr
        yield dsn
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def folder_of(path: Path, files: dict[str, str]) -> Path:
    folder = path / "migrations"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


async def test_what_is_made_of_it_is_the_same_and_trek_calls_it_current(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, {**THREE, "0004_rich.sql": RICH})
    first = Migrator(AsyncpgBackend(connection), folder)
    await first.migrate()
    found = await dump(first, grants=True)
    assert (found.revisions, found.warnings) == (("0001", "0002", "0003", "0004"), ())
    async with made_of(found.text, database, connection, tmp_path) as dsn:
        second = Migrator(AsyncpgBackend(dsn), folder)
        assert (await second.status()).state == "current"
        async with second.backend.connect() as session:
            loaded = await catalogue(session.connection, without=())
        assert str(compare(await catalogue(connection, without=()), loaded)) == ""
        assert (await dump(second, grants=True)).text == found.text


async def test_every_version_of_pg_dump_writes_the_same_bytes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await connection.execute(RICH)
    written = {}
    for version, folder in found_dumps().items():
        if version >= connection.get_server_version().major:
            monkeypatch.setenv("TREK_PG_BIN", str(folder))
            async with AsyncpgBackend(connection).connect() as session:
                written[version] = await session.dump(grants=True)  # type: ignore[attr-defined]
    assert len(set(written.values())) == min(len(written), 1), written.keys()


async def test_the_history_of_another_tool_is_filled_as_its_store_does(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    files = {"00001_a.sql": "-- +goose Up\nCREATE TABLE a (id int);\n", "00002_b.sql": "-- +goose Up\nSELECT 1;\n"}
    folder = folder_of(tmp_path, files)
    migrator = Migrator(AsyncpgBackend(connection, format="goose"), folder)
    await migrator.migrate()
    async with made_of((await dump(migrator)).text, database, connection, tmp_path) as dsn:
        assert (await Migrator(AsyncpgBackend(dsn, format="goose"), folder).status()).state == "current"


async def test_the_order_in_which_somebody_applied_them_is_no_part_of_it(
    connection: Connection, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, {"1_a.sql": "SELECT 1;", "3_c.sql": "SELECT 3;"})
    await Migrator(AsyncpgBackend(connection), folder).migrate()
    (folder / "2_b.sql").write_text("SELECT 2;")
    migrator = Migrator(AsyncpgBackend(connection), folder)
    await migrator.stamp("head")
    assert (await dump(migrator)).revisions == ("1", "2", "3")


async def test_it_warns_of_what_a_script_cannot_say(connection: Connection, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1_a.sql": "SELECT 1;"})
    migrator = Migrator(AsyncpgBackend(connection), folder)
    await migrator.migrate()
    (folder / "1_a.sql").write_text("SELECT 2;")
    assert "1_a.sql was edited since 1 was applied" in (await dump(migrator)).warnings[0]


async def test_without_a_history_there_is_a_schema_alone(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("CREATE TABLE t (a int)")
    found = await dump(Migrator(AsyncpgBackend(connection), tmp_path))
    assert found.revisions == ()
    assert "CREATE TABLE public.t" in found.text
    assert "INSERT" not in found.text


async def test_a_pg_dump_that_is_older_than_the_server_is_passed_over_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    monkeypatch.setenv("TREK_PG_BIN", str(tmp_path))
    assert not (await find(14)).startswith(str(tmp_path))
    with pytest.raises(ConfigError, match="can read PostgreSQL 99") as raised:
        await find(99)
    assert f"{old}: version 9" in str(raised.value)
    assert "TREK_PG_BIN" in str(raised.value)


async def test_an_executor_without_it_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the executor MemoryExecutor of .* writes no dump"):
        await dump(Migrator(memory_backend(), tmp_path))


async def test_a_password_is_no_word_of_the_command(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f"#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 99';; *) echo \"$@\" > {tmp_path}/words;; esac\n"
    )
    spy.chmod(0o755)
    monkeypatch.setenv("TREK_PG_BIN", str(tmp_path))
    dsn = re.sub(r"//([^:@/]*)(:[^@/]*)?@", r"//\1:geheim@", database.dsn)
    assert "geheim" in dsn
    assert (await dump(Migrator(AsyncpgBackend(dsn), tmp_path))).text.startswith("SET statement_timeout")
    assert "geheim" not in (tmp_path / "words").read_text()
    assert os.environ.get("PGPASSWORD") is None


def test_an_empty_dump_is_the_settings_alone() -> None:
    assert (
        normal(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n--\n-- PostgreSQL database dump complete\n--\n"
        ).count("\n")
        == 9
    )
