"""The checks of a line each: they say what is wrong, and nothing where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pytest_plugin.conftest import Project

CHECKS = """
import asyncpg

def test_head(trek_check): trek_check.single_head()
def test_reversible(trek_check): trek_check.migrations_are_reversible()
def test_file(trek_check): trek_check.schema_matches("schema.sql")
def test_function(trek_check): trek_check.schema_matches(by_hand)

async def by_hand(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE users (name text, id int)")
    await connection.close()
"""
SCHEMA = "\\restrict abc\nCREATE TABLE users (id int, name text);\n\\unrestrict abc\n"
WRONG = {
    "0003_left.sql": "CREATE TABLE things ();\nCREATE TABLE left_behind ();\n-- trek: down\nDROP TABLE things;",
    "0004_oneway.sql": "CREATE TABLE one_way ();",
    "0005_branch.sql": "-- trek: requires 0003\n-- trek: irreversible\nSELECT 1;",
}


SAID = (
    "2 heads: 0004 (migrations/0004_oneway.sql), 0005 (migrations/0005_branch.sql)",
    "0003 left: differs",
    "stays: table public.left_behind",
    "0004 oneway: no way down",
    "the migrations do not give the schema of schema.sql:\n  only by the migrations: table public.left_behind",
    "data.sql has data (COPY users (id, name) FROM stdin;): give the schema alone",
)


def test_a_project_in_order_passes_all_checks(project: Project) -> None:
    project.has(checks=CHECKS)
    (project.folder / "schema.sql").write_text(SCHEMA)
    ran = project.pytest("-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning")
    assert (ran.told, ran.code) == ("4 passed", 0), ran.output


def test_each_check_says_what_is_wrong(project: Project) -> None:
    project.has(checks=CHECKS.replace("by_hand)\n", "'data.sql')\n", 1))
    project.migrations(WRONG)
    (project.folder / "schema.sql").write_text(SCHEMA)
    (project.folder / "data.sql").write_text("COPY users (id, name) FROM stdin;\n1\tann\n\\.\n")
    ran = project.pytest()
    assert ran.told == "4 failed", ran.output
    for said in SAID:
        assert said in ran.output
