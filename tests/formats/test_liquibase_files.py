"""The format liquibase: what its files and its preconditions may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.formats.foreign import told
from tests.formats.kits import load, make_layout
from tests.formats.test_liquibase import CASE, HEAD
from trek_core import ConfigError, Duplicate, LoadError, MigrationFailed
from trek_core.plugin import Arrangement, Sql
from trek_core.testing import MemoryTree
from trek_loaders.formats.liquibase._changeset import Changeset
from trek_loaders.formats.liquibase._match import for_postgresql, matches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.databases import Connection


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("--changeset a: 1\nSELECT 1;", 2, "is no line of Liquibase's"),
        ("-changeset a:1\nSELECT 1;", 2, "is no line of Liquibase's"),
        ("--changeset a:1\n--rollback x;\n", 2, "a changeset without SQL"),
        ("--changeset a:1 runWith:psql\nSELECT 1;", 2, "runWith"),
        ("--changeset a:1 failOnError:false\nSELECT 1;", 2, "failOnError:false"),
        ("--changeset a:1\n--comments x\nSELECT 1;", 3, "is no line of Liquibase's"),
        ("--changeset a:1\n--preconditions onFail:CONTINUE\nSELECT 1;", 3, "onFail:CONTINUE"),
        ("--changeset a:1\n--preconditions onError:WARN\nSELECT 1;", 3, "onError:WARN"),
        ("--changeset a:1\n--precondition-foo x\nSELECT 1;", 3, "the precondition foo"),
        (
            "--changeset a:1 runInTransaction:false\n--precondition-table-exists table:t\nVACUUM;",
            3,
            "runInTransaction:false",
        ),
        ("--changeset a:1\nSELECT 1\ngo\nSELECT 2", 4, "`go` on a line"),
        ("--changeset a:1\nVACUUM;", 3, "VACUUM: liquibase runs"),
        ("--changeset a:1\nCOMMIT;", 3, "COMMIT: liquibase runs"),
        ("--changeset a:1\nCOPY t FROM stdin;\n1\n\\.\n", 3, "COPY … FROM STDIN"),
        ("--changeset a:1\nSELECT ${x};", 3, "the parameter ${x}"),
        ("--changeset a:1 endDelimiter:\\n/\nSELECT 1", 2, "a pattern"),
        ("--changeset a:1 endDelimiter:@@\nSELECT 1 @@ SELECT 2 @@", 3, "within a line"),
        ("--changeset a:1\nSELECT 1;\n--rollback changesetId:1 changesetAuthor:a", 4, "another changeset"),
        ("--changeset a:1\nSELECT 1;\n/* liquibase rollback\nx", 4, "not closed"),
        ("--property name:a value:b context:dev\n--changeset a:1\nSELECT 1", 2, "a property with context"),
        ("SELECT 1;", 2, "in front of the first changeset"),
        ("--ignoreLines:foo\n", 2, "ignoreLines:foo"),
    ],
)
def test_what_liquibase_refuses_or_trek_does_not_do_is_refused_with_its_line(
    content: str, line: int, problem: str
) -> None:
    with pytest.raises(LoadError) as refused:
        load("liquibase", {"a.sql": HEAD + content})
    assert refused.value.path.endswith("a.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem


def arranged(files: Mapping[str, str], **settings: object) -> Arrangement:
    return make_layout("liquibase", **settings).arrange(MemoryTree(files))


def texts(content: str, way: str = "up") -> list[str]:
    body = getattr(load("liquibase", {"a.sql": HEAD + content}), way)
    return [one.text for one in body.statements]


def test_an_end_delimiter_cuts_at_the_ends_of_lines() -> None:
    content = "--changeset a:1 endDelimiter:@@ runInTransaction:false\nSELECT 1; SELECT 2 @@\n\nVACUUM\n@@\n"
    assert texts(content) == ["SELECT 1; SELECT 2", "VACUUM"]


def test_without_splitting_outside_a_transaction_the_whole_is_one_query() -> None:
    script = load(
        "liquibase",
        {"a.sql": HEAD + "--changeset a:1 splitStatements:false runInTransaction:false\nSELECT 1;\nSELECT 2;\n"},
    )
    assert script.up
    assert script.up.mode == "message"
    assert texts("--changeset a:1 runInTransaction:false\nSELECT 1;\nSELECT 2;\n") == ["SELECT 1", "SELECT 2"]


def test_lines_of_rollback_are_one_text_and_empty_is_nothing_to_do() -> None:
    assert texts("--changeset a:1\nSELECT 1;\n--rollback DROP\n--rollback TABLE t;\n", "down") == ["DROP\nTABLE t"]
    assert texts("--changeset a:1\nSELECT 1;\n--rollback empty\n", "down") == []
    assert texts("--changeset a:1\nSELECT 1;\n/* liquibase rollback\nDROP TABLE t;\n*/\n", "down") == ["DROP TABLE t"]
    assert load("liquibase", {"a.sql": HEAD + "--changeset a:1\nSELECT 1;\n"}).down is None


def test_properties_parameters_and_ignored_lines() -> None:
    content = (
        "--property name:t value:people dbms:postgresql\n--property name:t value:other\n--changeset a:${t}\n"
        "--ignoreLines:1\nnonsense\n--ignoreLines:start\nnonsense\n--ignoreLines:end\nSELECT '$t' FROM ${t}, ${ u };\n"
    )
    (entry,) = arranged({"a.sql": HEAD + content}, parameters={"u": "v"}).entries
    assert entry.revision == "a:people:a.sql"
    (one,) = entry.load(MemoryTree({})).up.statements  # type: ignore[union-attr]
    assert isinstance(one, Sql)
    assert (one.text, one.line) == ("SELECT '$t' FROM people, v", 10)


def test_contexts_labels_and_kinds_of_databases_decide_what_counts() -> None:
    lines = ("context:dev", 'contextFilter:"dev and !slow"', "labels:One,two", "dbms:oracle", "ignore:true", "")
    text = HEAD + "".join(f"--changeset a:{at} {line}\nSELECT 1;\n" for at, line in enumerate(lines))
    skipped = [entry.skip for entry in arranged({"a.sql": text}, contexts=("dev", "slow"), labels="three").entries]
    assert [bool(reason) for reason in skipped] == [False, True, True, True, True, False]
    assert "its context is dev and !slow, and the setting contexts has dev, slow" in str(skipped[1])


@pytest.mark.parametrize(
    ("expression", "items", "wanted"),
    [
        ("dev", [], True),
        ("@dev", [], False),
        ("dev", ["DEV"], True),
        ("!dev", ["dev"], False),
        ("not dev", ["prod"], True),
        ("dev or prod", ["prod"], True),
        ("dev, prod", ["prod"], True),
        ("dev and prod", ["prod"], False),
        ("(dev or prod) and !slow", ["prod"], True),
        ("!(dev or prod)", ["prod"], False),
    ],
)
def test_expressions_of_contexts(expression: str, items: list[str], wanted: bool) -> None:
    assert matches(expression, items) is wanted


@pytest.mark.parametrize(
    ("dbms", "wanted"),
    [
        ("postgresql", True),
        ("oracle,postgresql", True),
        ("!oracle", True),
        ("!postgresql", False),
        ("all", True),
        ("none", False),
        ("mysql", False),
    ],
)
def test_kinds_of_databases(dbms: str, wanted: bool) -> None:
    assert for_postgresql(dbms) is wanted


MASTERS = {
    "main.xml": (
        '<?xml version="1.0"?>\n<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">\n'
        '<include file="z.sql" relativeToChangelogFile="true"/>\n<includeAll path="db/sub/"/>\n</databaseChangeLog>\n'
    ),
    "main.yaml": (
        "databaseChangeLog:\n- include:\n    file: z.sql  # the first\n    relativeToChangelogFile: true\n"
        "- includeAll:\n    path: 'db/sub/'\n"
    ),
    "main.json": (
        '{"databaseChangeLog": [{"include": {"file": "z.sql", "relativeToChangelogFile": true}},'
        ' {"includeAll": {"path": "db/sub/"}}]}'
    ),
}


@pytest.mark.parametrize("name", MASTERS)
def test_a_root_changelog_says_which_files_there_are_and_in_which_order(name: str) -> None:
    files = {name: MASTERS[name], "z.sql": HEAD + "--changeset a:1\nSELECT 1;", "sub/b.sql": "SELECT 2;\nSELECT 3;"}
    found = arranged({**files, "left.sql": HEAD + "--changeset a:9\nSELECT 1;"}, prefix="db/", changelog=name)
    assert [entry.revision for entry in found.entries] == ["a:1:db/z.sql", "includeAll:raw:db/sub/b.sql"]
    assert {one.file.path for one in found.ignored} >= {name, "left.sql"}


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("a.xml", '<databaseChangeLog>\n<changeSet id="1"/></databaseChangeLog>', 2, "changeSet in a changelog"),
        (
            "a.xml",
            '<databaseChangeLog><include file="x.sql" labels="a"/></databaseChangeLog>',
            1,
            "labels of an include",
        ),
        ("a.xml", "<databaseChangeLog>", 1, "no XML"),
        ("a.yaml", "databaseChangeLog:\n  - changeSet:\n      id: 1\n", 2, "changeSet in a changelog"),
        (
            "a.yaml",
            "databaseChangeLog:\n  - include:\n      file: gone.sql\n",
            2,
            "includes gone.sql, which is not there",
        ),
        ("a.yaml", "databaseChangeLog:\n  - include:\n      file: a.yaml\n", 2, "which includes it"),
        ("a.json", '{"databaseChangeLog": [{"property": {}}]}', 1, "property in a changelog"),
        ("a.json", '{"databaseChangeLog": 1}', None, "no changelog in JSON"),
    ],
)
def test_a_root_changelog_with_anything_else_is_refused_by_its_name(
    name: str, content: str, line: int | None, problem: str
) -> None:
    with pytest.raises(LoadError) as refused:
        arranged({name: content})
    assert problem in refused.value.problem
    assert refused.value.line == line


def test_a_new_file_that_would_not_be_the_last_is_not_made() -> None:
    text = HEAD + "--changeset a:1\nSELECT 1;"
    for files in (
        {"b.sql": text},
        {"a.xml": '<databaseChangeLog><include file="1.sql"/></databaseChangeLog>', "1.sql": text},
    ):
        layout = make_layout("liquibase")
        assert layout.new
        with pytest.raises(ConfigError, match="Write the changeset at the end of your last changelog"):
            layout.new(layout.arrange(MemoryTree(files)), "a title", "sql")


def test_of_two_root_changelogs_one_must_be_named() -> None:
    with pytest.raises(ConfigError, match="layout setting changelog"):
        arranged({"a.xml": "<databaseChangeLog/>", "b.xml": "<databaseChangeLog/>"})


def test_a_changeset_twice_names_both_files() -> None:
    text = HEAD + "--changeset a:1 logicalFilePath:one\nSELECT 1;"
    with pytest.raises(Duplicate, match=r"a:1:one: in .*a\.sql and in .*b\.sql"):
        arranged({"a.sql": text, "b.sql": text})


def test_the_sum_of_older_versions_is_the_one_of_the_projects_own_test() -> None:
    changeset = Changeset("a", "1", "p", 1, {"enddelimiter": ";"})
    changeset.lines[1] = "create index concurrently person_name on person(name);"
    assert changeset.checksums()[1] == "8:e811317af6753c0b8913a170d02a93ac"


# --------------------------------------------------------------------------- preconditions
CHECK = "--precondition-sql-check expectedResult:{} SELECT count(*) FROM pg_class WHERE relname = 'absent'\n"


@pytest.mark.parametrize("case", ["HALT 0 EXECUTED", "MARK_RAN 0 EXECUTED", "MARK_RAN 1 MARK_RAN", "WARN 1 EXECUTED"])
async def test_preconditions_decide_what_runs_and_what_the_row_says(
    connection: Connection, tmp_path: Path, case: str
) -> None:
    fail, expected, exectype = case.split()
    body = "CREATE TABLE t (i int);\nINSERT INTO t VALUES (1);\n"
    text = f"--changeset a:1\n--preconditions onFail:{fail}\n{CHECK.format(expected)}{body}"
    (tmp_path / "a.sql").write_text(HEAD + text)
    await CASE.migrator(connection, tmp_path).migrate()
    assert await connection.fetchval("SELECT exectype FROM databasechangelog") == exectype
    assert await connection.fetchval("SELECT to_regclass('t') IS NOT NULL") is (exectype == "EXECUTED")
    assert told(await CASE.migrator(connection, tmp_path).status()) == {"a:1:a.sql": "applied"}


async def test_a_precondition_that_halts_names_itself_with_its_line(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(f"{HEAD}--changeset a:1\n{CHECK.format(1)}CREATE TABLE t (i int);\n")
    with pytest.raises(MigrationFailed, match=r"the precondition failed: expectedResult:1 SELECT count") as failed:
        await CASE.migrator(connection, tmp_path).migrate()
    assert "a.sql:3" in str(failed.value)
    assert await connection.fetchval("SELECT to_regclass('t') IS NULL")


async def test_preconditions_about_tables_and_views(connection: Connection, tmp_path: Path) -> None:
    checks = "--precondition-table-exists table:T schema:public\n--precondition-view-exists view:v\n"
    await connection.execute("CREATE TABLE t (i int); CREATE VIEW v AS SELECT 1")
    (tmp_path / "a.sql").write_text(f"{HEAD}--changeset a:1\n{checks}DROP VIEW v;\n")
    await CASE.migrator(connection, tmp_path).migrate()
    (tmp_path / "b.sql").write_text(f"{HEAD}--changeset a:2\n{checks}SELECT 1;\n")
    with pytest.raises(MigrationFailed, match="the precondition failed: view:v"):
        await CASE.migrator(connection, tmp_path).migrate()
