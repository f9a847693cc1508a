"""Liquibase itself (the jars of its npm package, on a Java that is here) and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.formats.test_liquibase import CASE, HEAD, LOCK
from tests.formats.tools import npm, run
from tests.run.folders import until_sleeping
from tests.support.faults import faulty

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

MAIN = "liquibase.integration.commandline.LiquibaseCommandLine"
JARS = "liquibase-core|picocli|commons-.*|opencsv|snakeyaml|postgresql|jaxb-.*"
CHANGES = r"""--property name:people value:person
--changeset alice:1 labels:"core, One" context:"dev or test"
--comment first table
CREATE TABLE ${people} (
    id int PRIMARY KEY,   -- a comment; with more
	name text DEFAULT 'a;  b'
);
--rollback DROP TABLE person;

--changeset bob:add-index runInTransaction:false
CREATE INDEX CONCURRENTLY person_name ON person (name);
--rollback DROP INDEX person_name;

--changeset carol:fn splitStatements:false runOnChange:true
CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
-- a; 'b
RETURN 'x';
END
$$;
--rollback DROP FUNCTION f();

--changeset "dave x":"4 quoted" logicalFilePath:other/path.sql endDelimiter:@@
INSERT INTO person VALUES (1, 'x') @@
INSERT INTO person VALUES (2, 'y;z') @@
--rollback DELETE FROM person;

--changeset eve:ran
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:2 SELECT count(*) FROM person
INSERT INTO person VALUES (3);
--rollback DELETE FROM person WHERE id = 3;

--changeset eve:marked
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:7 SELECT count(*) FROM person
INSERT INTO nowhere VALUES (3);
--rollback empty

--changeset eve:other dbms:oracle
nonsense;

--changeset eve:last
CREATE TABLE last (i int);
--rollback DROP TABLE last;
"""
SETS = CHANGES.split("\n\n")
KEPT = "id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, contexts, labels"
NAMES = [
    "alice:1:changelog.sql",
    "bob:add-index:changelog.sql",
    "carol:fn:changelog.sql",
    "dave x:4 quoted:other/path.sql",
    "eve:ran:changelog.sql",
    "eve:marked:changelog.sql",
    "eve:last:changelog.sql",
]
UP_TO_DATE = "is up to date"


class Liquibase:
    """The tool in its folder, and on a database. It knows TCP only."""

    def __init__(self, home: Path, dsn: str, java: str, core: Path) -> None:
        jars = ":".join(str(jar) for jar in sorted(core.parent.iterdir()) if re.fullmatch(JARS, jar.stem))
        parts = urlsplit(dsn)
        self.home, self.folder = home, home / "changes"
        self.options = (
            f"--url=jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}?sslmode=disable",
            f"--username={parts.username or 'postgres'}",
            "--changelog-file=changelog.sql",
            "--search-path=changes",
        )
        self.command = (java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jars, MAIN)
        self.folder.mkdir()

    def write(self, number: int) -> None:
        """The first so many changesets, and no other."""
        (self.folder / "changelog.sql").write_text(HEAD + "\n\n".join(SETS[:number]))

    async def __call__(self, *words: str) -> str:
        given = {"LIQUIBASE_SHOW_BANNER": "false"}
        return await asyncio.to_thread(run, *self.command, *self.options, *words, cwd=self.home, environment=given)


@pytest.fixture
async def liquibase(tmp_path: Path, database: Database) -> AsyncIterator[Liquibase]:
    java = shutil.which("java") or pytest.skip("there is no java on PATH")
    core = npm("liquibase@4.28.1", "node_modules/liquibase/dist/liquibase/internal/lib/liquibase-core.jar")
    async with faulty(database.dsn) as (dsn, _):
        made = Liquibase(tmp_path, dsn, java, Path(core))
        made.write(len(SETS))
        yield made


async def rows(connection: Connection) -> list[tuple[object, ...]]:
    return [
        tuple(row) for row in await connection.fetch(f"SELECT {KEPT} FROM databasechangelog ORDER BY orderexecuted")
    ]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, liquibase: Liquibase
) -> None:
    liquibase.write(3)
    await liquibase("update")
    by_tool = await CASE.shape(connection), await CASE.shape_of(connection, LOCK)
    liquibase.write(len(SETS))
    report = await CASE.migrator(connection, liquibase.folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[3:]
    assert UP_TO_DATE in await liquibase("status")
    assert "No validation errors found" in await liquibase("validate")
    half = await rows(connection)
    await connection.execute(f"DROP TABLE databasechangelog, {LOCK}, person, last; DROP FUNCTION f()")
    await CASE.migrator(connection, liquibase.folder).migrate()
    assert await rows(connection) == half
    assert (await CASE.shape(connection), await CASE.shape_of(connection, LOCK)) == by_tool


async def test_half_by_trek_half_by_the_tool_then_one_step_down_by_each(
    connection: Connection, liquibase: Liquibase
) -> None:
    await CASE.migrator(connection, liquibase.folder).migrate(NAMES[2])
    assert "Run: " in await liquibase("update")
    assert (await CASE.migrator(connection, liquibase.folder).status()).state == "current"
    by_both = await rows(connection)
    await liquibase("rollback-count", "--count=1")
    await CASE.migrator(connection, liquibase.folder).migrate("-1")
    assert await rows(connection) == by_both[:-2]
    assert await connection.fetchval("SELECT to_regclass('last') IS NULL")


async def test_what_runs_always_does_so_in_every_run_of_either_edited_or_not(
    connection: Connection, liquibase: Liquibase
) -> None:
    file, text = (
        liquibase.folder / "changelog.sql",
        HEAD + "--changeset a:1 runAlways:true\nINSERT INTO runs VALUES (1);\n",
    )
    await connection.execute("CREATE TABLE runs (i int)")
    file.write_text(text)
    for at in range(3):
        await liquibase("update")
        assert [ran.verb for ran in (await CASE.migrator(connection, liquibase.folder).migrate()).ran] == ["rerun"]
        assert await connection.fetchval("SELECT count(*) FROM runs") == 2 * at + 2
        file.write_text(text.replace("1);", f"{at + 2});"))
    assert "1 changeset has not been applied" in await liquibase("status")
    assert "No validation errors found" in await liquibase("validate")


async def test_while_trek_holds_the_row_the_tool_waits_and_goes_on(
    connection: Connection, other: Connection, liquibase: Liquibase
) -> None:
    liquibase.write(1)
    await CASE.migrator(connection, liquibase.folder).migrate()  # the tool makes its tables without the lock
    (liquibase.folder / "z.sql").write_text(f"{HEAD}--changeset a:1\nSELECT pg_sleep(3);\n")
    running = asyncio.create_task(CASE.migrator(connection, liquibase.folder).migrate())
    await until_sleeping(other)
    await liquibase("--changelog-lock-poll-rate=1", "tag", "after")
    assert len((await running).ran) == 1
    tags = await other.fetch("SELECT author, tag FROM databasechangelog ORDER BY orderexecuted")
    assert [tuple(row) for row in tags] == [("alice", None), ("a", "after")]


ROOT = """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog
        http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd">
    <include file="z/first.sql" relativeToChangelogFile="true"/>
    <includeAll path="all"/>
</databaseChangeLog>
"""
WINDOWS = """\ufeff-- Liquibase Formatted SQL logicalFilePath:log/a.sql

  --  CHANGESET  "An Author":"id: with colon"  stripComments:false
--comment: the words: of it
CREATE TABLE many (i int); -- c
--changeset b:2 endDelimiter:GO context:"dev, test" labels:"X , y"
INSERT INTO many VALUES (1)
GO
INSERT INTO many VALUES (2)
GO
--changeset b:3 endDelimiter:/
INSERT INTO many VALUES (10/2)
/
INSERT INTO many VALUES (4)
/
"""
PLAIN = r"""--liquibase formatted sql
-- a note
--property name:t.x value:texts dbms:postgresql
--changeset b:1   runOnChange:TRUE   dbms:postgresql,h2

CREATE TABLE ${t.x} (a text DEFAULT '${ t.x }');
--changeset b:2 splitStatements:false
INSERT INTO texts VALUES ('x;y') ; INSERT INTO texts VALUES (E'a\\b');
--changeset b:3 context:dev and !prod
SELECT 1 /* c ; d */ ; SELECT 'it''s; ok';
--changeset b:4 runInTransaction:false
SELECT 1; SELECT 2;
--changeset b:5
--preconditions onFail:HALT onError:HALT
--precondition-table-exists table:Texts schema:public
--precondition-sql-check expectedResult:"t" SELECT count(*) = 2 FROM texts;
SELECT 5;
--changeset b:6 ignore:true
nonsense
--changeset b:7 dbms:!postgresql
nonsense
--changeset b:8 splitStatements:false
CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS $f$
BEGIN
  -- note; here
  RETURN 1;
END;
$f$;
--changeset b:9 endDelimiter:;
SELECT g();
"""
FOLDER = {
    "root.xml": ROOT,
    "all/windows.sql": WINDOWS.replace("\n", "\r\n"),
    "all/x.sql": PLAIN,
    "z/first.sql": HEAD
    + '--property name:n value:1\n--property name:n value:2\n--changeset a:one contextFilter:"!other"\n'
    "-- a comment; 'with a quote\nCREATE TABLE one (i int DEFAULT ${n});\n/* liquibase rollback\nDROP TABLE one;\n*/\n",
    "all/b.sql": "CREATE TABLE raw (i int);\nINSERT INTO raw VALUES (1);\n",
    "all/B2.sql": HEAD + "--changeset a:two runAlways:true\n--validCheckSum: any\nSELECT 1;\n",
    "all/c/a.sql": HEAD + "--ignoreLines:2\nnonsense\nnonsense\n--changeset a:three\n"
    "DO $$ BEGIN\nPERFORM 1;\nPERFORM 2; END $$;\nINSERT INTO raw VALUES (2);\n",
    "unread.sql": HEAD + "--changeset a:never\nnonsense;\n",
}


async def test_a_root_in_xml_that_includes_files_and_folders_is_read_as_the_tool_reads_it(
    connection: Connection, liquibase: Liquibase
) -> None:
    for name, text in FOLDER.items():
        (liquibase.folder / name).parent.mkdir(exist_ok=True)
        (liquibase.folder / name).write_text(text, encoding="utf-8", newline="")
    (liquibase.folder / "changelog.sql").unlink()
    liquibase.options = tuple(one.replace("changelog.sql", "root.xml") for one in liquibase.options)
    await liquibase("update")
    look = "SELECT i::text FROM many UNION ALL SELECT a FROM texts UNION ALL SELECT i::text FROM raw ORDER BY 1"
    by_tool, left = await rows(connection), await connection.fetch(look)
    report = await CASE.migrator(connection, liquibase.folder).migrate()
    assert [(ran.verb, ran.revision) for ran in report.ran] == [("rerun", "a:two:all/B2.sql")]
    await connection.execute("DROP TABLE databasechangelog, one, raw, many, texts; DROP FUNCTION g()")
    await CASE.migrator(connection, liquibase.folder).migrate()
    assert (await rows(connection), await connection.fetch(look)) == (by_tool, left)
