"""`trek_core.rehearse`: every migration up, down and up again, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS
from trek_asyncpg import AsyncpgBackend
from trek_core import LoadError, MigrationFailed, Migrator, UnknownRevision, rehearse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.databases import Connection, Database, Roles
    from trek_core import Rehearsal

NEXT = {"0009_next.sql": "CREATE TABLE later (a int);\n-- trek: down\nDROP TABLE later;\n"}
LEFT = {"0002_mood.sql": "CREATE TYPE mood AS ENUM ('a');\n-- trek: down\nSELECT 1;\n"}


STEPS = "-- trek: no-transaction\n"


class Rehearser:
    """Rehearses a folder on the server of a database."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database

    async def __call__(self, files: Mapping[str, str], only: tuple[str, ...] = (), **options: str) -> Rehearsal:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        migrator = Migrator(AsyncpgBackend(self.database.dsn, **options), self.folder)  # type: ignore[arg-type]
        return await rehearse(migrator, only=only)


@pytest.fixture
def rehearsed(tmp_path: Path, database: Database) -> Rehearser:
    return Rehearser(tmp_path, database)


def told(found: Rehearsal) -> list[tuple[str, str, str]]:
    return [(step.revision, step.outcome, step.way) for step in found.steps]


async def test_what_its_way_down_undoes_is_reversible(rehearsed: Rehearser, connection: Connection) -> None:
    found = await rehearsed(THREE)
    assert [step.outcome for step in found.steps] == ["reversible"] * 3
    assert found.ok
    assert str(found) == "all went as it should"
    assert await connection.fetchval("SELECT to_regclass('public.users')") is None
    assert await connection.fetchval("SELECT to_regclass('public.trek_history')") is None


async def test_what_stays_after_the_way_down_is_told_and_the_next_is_tried_all_the_same(
    rehearsed: Rehearser, connection: Connection
) -> None:
    found = await rehearsed({"0001_users.sql": USERS, **LEFT, **NEXT})
    assert told(found) == [("0001", "reversible", "up"), ("0002", "differs", "down"), ("0009", "reversible", "up")]
    assert not found.ok
    assert str(found) == (
        "0002 mood: differs\n"
        "after the way down this is not as it was before it was applied:\n"
        "  stays: type public.mood\n    ENUM ('a')\n"
        f"    OWNER TO {await connection.fetchval('SELECT current_user')}"
    )


async def test_what_the_way_down_takes_too_much_or_gives_back_otherwise_is_told(rehearsed: Rehearser) -> None:
    files = {
        "1_t.sql": "CREATE TABLE t (a int NOT NULL, b text);\nCREATE INDEX i ON t (b);\n-- trek: down\nDROP TABLE t;\n",
        "2_drop.sql": "ALTER TABLE t DROP a, DROP b;\n-- trek: down\nALTER TABLE t ADD a int, ADD b text;\n",
    }
    found = (await rehearsed(files)).steps[1]
    assert [(one.object, one.change) for one in found.drift] == [
        ("column public.t.a", "changed"),
        ("index public.i", "vanished"),
    ]
    assert "is missing: index public.i" in str(found)
    assert "is another: column public.t.a\n    - integer NOT NULL\n    + integer" in str(found)


async def test_a_column_that_comes_back_at_the_end_is_no_difference(rehearsed: Rehearser) -> None:
    files = {
        "1_t.sql": "CREATE TABLE t (a int, b text);\n-- trek: down\nDROP TABLE t;\n",
        "2_drop.sql": "ALTER TABLE t DROP a;\n-- trek: down\nALTER TABLE t ADD a int;\n",
    }
    assert (await rehearsed(files)).ok


async def test_another_result_the_second_time_is_told(rehearsed: Rehearser) -> None:
    files = {
        "1_kept.sql": "SELECT 1;\n-- trek: down\nSELECT 1;\n",
        "2_row.sql": "CREATE TABLE s (a int);\n-- trek: down\nDROP TABLE s;\n",
        "3_data.sql": "DO $$ BEGIN IF EXISTS (SELECT FROM s) THEN CREATE TABLE t (a int); END IF; END $$;\n"
        "-- trek: down\nINSERT INTO s VALUES (1);\n",
    }
    found = await rehearsed(files)
    assert told(found)[2] == ("3", "differs", "up again")
    assert "only now: table public.t" in str(found)


async def test_no_way_down_and_irreversible_are_told_apart_and_are_no_failure(rehearsed: Rehearser) -> None:
    found = await rehearsed(
        {
            "1_users.sql": "CREATE TABLE users (id int);",
            "2_email.sql": "-- trek: irreversible\nALTER TABLE users ADD email text;",
            **NEXT,
        }
    )
    assert [step.outcome for step in found.steps] == ["no way down", "irreversible", "reversible"]
    assert found.ok
    assert [step.name for step in found.one_way] == ["1 users"]


async def test_a_failure_has_its_place_and_what_follows_a_failed_way_up_is_not_reached(rehearsed: Rehearser) -> None:
    found = await rehearsed(
        {
            "1_down.sql": "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE b;\n",
            "2_steps.sql": f"{STEPS}CREATE TABLE c (id int);\n-- trek: down\n{STEPS}DROP TABLE c;\nDROP TABLE d;\n",
            "3_up.sql": "CREATE TABLE e (id intt);",
            **NEXT,
        }
    )
    assert told(found) == [
        ("1", "failed", "down"),
        ("2", "failed", "down"),
        ("3", "failed", "up"),
        ("0009", "not reached", "up"),
    ]
    error = found.steps[2].error
    assert isinstance(error, MigrationFailed)
    assert "3_up.sql:1:20: applying 3 up failed" in str(found.steps[2])
    assert "1_down.sql:3:1: reverting 1 down failed" in str(found.steps[0])


async def test_a_second_way_up_that_fails_is_told(rehearsed: Rehearser) -> None:
    files = {
        "1_s.sql": "CREATE TABLE s (a int);",
        "2_once.sql": "INSERT INTO s SELECT 1 / (1 - count(*)::int) FROM s;\n-- trek: down\nSELECT 1;\n",
    }
    assert told(await rehearsed(files))[1] == ("2", "failed", "up again")


async def test_only_some_are_tried_and_nothing_behind_them_runs(rehearsed: Rehearser) -> None:
    files = {**THREE, "0004_broken.sql": "nonsense;"}
    assert [step.outcome for step in (await rehearsed(files, only=("2", "0003"))).steps] == [
        "applied",
        "reversible",
        "reversible",
    ]
    with pytest.raises(UnknownRevision, match="unknown target '7'"):
        await rehearsed(files, only=("7",))


async def test_what_no_database_is_needed_to_see_is_raised(rehearsed: Rehearser) -> None:
    with pytest.raises(LoadError, match="a string begins here"):
        await rehearsed({"1_a.sql": "SELECT 'x;"})


async def test_branches_are_tried_one_by_one(rehearsed: Rehearser) -> None:
    table = "CREATE TABLE {0} (a int);\n-- trek: down\nDROP TABLE {0};\n"
    found = await rehearsed(
        {
            "a_t.sql": table.format("base"),
            "b_t.sql": "-- trek: requires a\n" + table.format("lefts"),
            "c_t.sql": "-- trek: requires a\n" + table.format("rights"),
            "d_t.sql": "-- trek: requires b c\n" + table.format("joined"),
        }
    )
    assert [step.outcome for step in found.steps] == ["reversible"] * 4
    assert {step.revision for step in found.steps} == {"a", "b", "c", "d"}


ORIGINALS = {"0001_users.sql": USERS, "0002_email.sql": "ALTER TABLE users ADD email text;\n"}
SQUASH = "-- trek: replaces 0001 0002\nCREATE TABLE users (id int PRIMARY KEY, email {0});\n-- trek: down\nDROP TABLE users;\n"


async def test_a_squash_must_give_what_it_replaces(rehearsed: Rehearser) -> None:
    found = await rehearsed({**ORIGINALS, "0003_squash.sql": SQUASH.format("text"), **NEXT})
    assert told(found) == [("0003", "reversible", "up"), ("0009", "reversible", "up")]
    found = await rehearsed({"0003_squash.sql": SQUASH.format("varchar(5)")})
    assert told(found) == [("0003", "differs", "originals"), ("0009", "reversible", "up")]
    assert "the squash does not give what the migrations give that it replaces:" in str(found)
    assert "- text\n    + character varying(5)" in str(found)


async def test_a_squash_whose_originals_are_gone_is_tried_alone(rehearsed: Rehearser) -> None:
    assert told(await rehearsed({"0003_squash.sql": SQUASH.format("text")})) == [("0003", "reversible", "up")]


async def test_the_ways_of_other_tools_are_tried_too(rehearsed: Rehearser) -> None:
    found = await rehearsed(
        {
            "00001_users.sql": "-- +goose Up\nCREATE TABLE users (id int);\n-- +goose Down\nDROP TABLE users;\n",
            "00002_left.sql": "-- +goose Up\nCREATE TABLE l (id int);\n-- +goose Down\nSELECT 1;\n",
        },
        format="goose",
    )
    assert [step.outcome for step in found.steps] == ["reversible", "differs"]


async def test_edges_of_asyncpg_trek_are_tried_too(rehearsed: Rehearser) -> None:
    found = await rehearsed(
        {
            "20240101_initial_up_people.sql": "CREATE TABLE people (id int);",
            "20240101_people_down_initial.sql": "DROP TABLE people;",
            "20240102_people_up_orders.sql": "CREATE TABLE orders (id int);",
            "20240102_orders_down_people.sql": "SELECT 1;",
        },
        format="asyncpg-trek",
    )
    assert [(step.outcome, len(step.drift)) for step in found.steps] == [("reversible", 0), ("differs", 2)]


async def test_what_runs_again_and_again_has_no_way_down_to_be_tried(rehearsed: Rehearser) -> None:
    files = {"V1__a.sql": "CREATE TABLE a (id int);", "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS x;"}
    found = await rehearsed(files, format="flyway")
    assert [step.outcome for step in found.steps] == ["no way down", "applied"]
    assert found.ok


async def test_what_a_migration_leaves_in_the_server_stops_the_rest_and_no_error_is_lost(
    rehearsed: Rehearser, make_role: Roles
) -> None:
    role = await make_role()
    await make_role.drop()
    make_role.names.append(role)  # dropped again at the end
    found = await rehearsed({"1_role.sql": f'CREATE ROLE "{role}";\n-- trek: down\nSELECT 1;\n', **NEXT})
    assert told(found) == [("1", "failed", "up again"), ("0009", "not reached", "up")]
    assert "already exists" in str(found.steps[0])
