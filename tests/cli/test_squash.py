"""`trek squash`: one file that does what several do, in a new database; refused with the ranges that can be one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import EMAIL, USERS
from trek_asyncpg import AsyncpgBackend, catalogue, testing
from trek_core import Migrator, compare

if TYPE_CHECKING:
    from tests.cli.project import Inside, Project
    from tests.support.databases import Connection, Server

SHOP = Path(__file__).parents[2] / "examples/shop/migrations"
DIFFICULT = {
    "0001_users.sql": USERS,
    "0002_settings.sql": "-- trek: lock-timeout 2s\nSET search_path = pg_temp;\nSET LOCAL statement_timeout = '9s';\n"
    "SET ROLE pg_monitor;\nSELECT set_config('my.own', '1', false)\n-- the end, without a semicolon",
    "0002_settings.down.sql": "-- trek: lock-timeout 1min\n-- nothing to do\n",
    "0003_copy.sql": "COPY users FROM stdin;\n1\n2\n\\.\n\nCOPY users (id) FROM STDIN (FORMAT csv);\n3\n\\.\n"
    "UPDATE users SET id = id + 10;\n"
    "INSERT INTO users VALUES (4)\n-- trek: down\n\nTRUNCATE users -- no end",
    "0004_text.sql": "CREATE TABLE notes (t text DEFAULT '-- trek: down\n-- trek: requires 7');\n"
    "-- trek: down\nDROP TABLE notes;",
    "0005_index.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY users_id ON users (id) /* ; */;",
    "0005_index.down.sql": "DROP INDEX CONCURRENTLY users_id",
    "0006_email.sql": "\ufeff" + EMAIL.replace("\n", "\r\n"),
}


async def same_both_ways(server: Server, folder: Path, last: str, squash: str) -> None:
    """The originals and the squash, each in a database of its own: the same catalogue and data up, and nothing left down."""
    found = []
    for target in (last, squash):
        async with testing.database(server) as database:
            connection = await database.connect()
            empty = await catalogue(connection, without=["public.trek_history"])
            migrator = Migrator(AsyncpgBackend(connection), folder)
            report = await migrator.migrate(target)
            assert (report.ran[-1].revision == squash) == (target == squash)
            up = await catalogue(connection, without=["public.trek_history"])
            rows = await connection.fetch(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            )
            data = {}
            for (name,) in sorted(rows):
                if name != "trek_history":
                    data[name] = sorted(
                        map(
                            str,
                            await connection.fetch(
                                f"SELECT to_jsonb(t) - 'updated_at' - 'changed_at' FROM \"{name}\" t"
                            ),
                        )
                    )
            found.append((up, data))
            await migrator.migrate("base")
            assert str(compare(empty, await catalogue(connection, without=["public.trek_history"]))) == ""
    assert str(compare(found[0][0], found[1][0])) == ""
    assert found[0][1] == found[1][1]


async def test_a_squash_of_what_the_shop_has_does_the_same_up_and_down(project: Project, server: Server) -> None:
    shutil.copytree(SHOP, project.folder / "migrations")
    refused = project.run("squash", "1..5")
    assert "0001 is replaced already, by 0005.1" in refused.err
    ended = project.run("squash", "6..10", "--title", "Totals, at last!", "--verify")
    assert (ended.code, ended.out) == (0, "migrations/0010.1_totals_at_last.sql\n")
    assert "verified: it gives what its originals give." in ended.err
    assert project.run("check").out == "27 revisions, head 0025: nothing found\n"
    await same_both_ways(server, project.folder / "migrations", "0010", "0010.1")


async def test_settings_copy_texts_pairs_and_concurrently_go_into_one_file(project: Project, server: Server) -> None:
    project.write(DIFFICULT)
    ended = project.run("squash", "0001..0006")
    assert ended.code == 0, ended.err
    text = (project.folder / "migrations/0006.1_squash_of_0001_to_0006.sql").read_text()
    assert text.splitlines()[1] == "-- trek: replaces 0001 0002 0003 0004 0005 0006"
    assert re.findall(r"^RESET (.*);$", text, re.MULTILINE) == ["search_path", "statement_timeout", "role", "my.own"]
    assert "note: 0005: CONCURRENTLY is left out" in ended.err
    assert "note: lock-timeout is left out" in ended.err
    assert "The originals stay where they are" in ended.err
    await same_both_ways(server, project.folder / "migrations", "0006", "0006.1")


async def test_databases_before_in_the_middle_and_after_go_on_with_a_squash(
    project: Project, connection: Connection
) -> None:
    project.write({f"000{n}_t.sql": f"CREATE TABLE t{n} ();\n-- trek: down\nDROP TABLE t{n};\n" for n in range(1, 5)})
    assert project.run("migrate", "0002").code == 0
    assert project.run("squash", "0001..0003").code == 0
    assert [row["revision"] for row in project.run("plan", "--json").json["actions"]] == ["0003", "0004"]
    assert project.run("migrate").code == 0
    for n in range(1, 4):
        (project.folder / f"migrations/000{n}_t.sql").unlink()
    assert project.run("status", "--check").code == 0
    assert project.run("migrate", "base", "--yes").code == 0
    assert project.run("migrate").out.splitlines()[0].startswith("applied 0003.1")


def test_a_squash_that_does_something_else_fails_the_verification_and_says_what(project: Project) -> None:
    """A DO block sets what trek puts back after a migration, and nobody sees that in its text."""
    project.write(
        {
            "0001_t.sql": "CREATE SCHEMA s;\n-- trek: down\nDROP SCHEMA s;\n",
            "0002_u.sql": "DO $$ BEGIN PERFORM set_config('search_path', 's, public', false); END $$;\n-- trek: down\n",
            "0003_v.sql": "CREATE TABLE v (i int);\n-- trek: down\nDROP TABLE IF EXISTS v, s.v;\n",
        }
    )
    ended = project.run("squash", "1..3", "--verify")
    assert ended.code == 1
    assert "note: 0002: look at DO $$ in line 1, what it may set stays set for those after it" in ended.err
    assert "table s.v" in ended.err
    assert "It does not do what its originals do" in ended.err


# --------------------------------------------------------------------------- offline
def test_what_cannot_be_one_file_is_named_with_the_ranges_that_can(inside: Inside) -> None:
    files = {f"000{n}_t.sql": "SELECT 1;\n" for n in range(1, 10)}
    files |= {
        "0004_t.sql": "VACUUM;\n",
        "0007_t.sql": "-- trek: no-transaction\nSELECT 1;\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
    }
    inside.write(files)
    ended = inside.run("squash", "0001..0009")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == [
        "these cannot be a part of one file:",
        "  migrations/0004_t.sql:1: VACUUM runs outside a transaction",
        "  migrations/0007_t.sql:3: BEGIN, in a transaction of its own",
        "These ranges can be: 0001..0003, 0005..0006, 0008..0009.",
    ]
    assert not list((inside.folder / "migrations").glob("*squash*"))


def test_a_new_value_of_an_enum_that_is_used_later_is_refused(inside: Inside) -> None:
    inside.write(
        {
            "0001_t.sql": "SELECT 1;\n",
            "0002_v.sql": "ALTER TYPE mood ADD VALUE 'glad';\n",
            "0003_u.sql": "UPDATE days SET mood = 'glad';\n",
        }
    )
    ended = inside.run("squash", "1..3")
    assert "migrations/0003_u.sql:1 seems to use the value 'glad', which migrations/0002_v.sql:1 adds" in ended.err
    assert "These ranges can be: 0001..0002." in ended.err


def test_timeouts_that_all_have_are_the_longest_and_one_irreversible_makes_the_squash_so(inside: Inside) -> None:
    inside.write(
        {
            "0001_a.sql": "-- trek: lock-timeout 2s\n-- trek: statement-timeout 1s\nSELECT 1;\n",
            "0002_b.sql": "-- trek: lock-timeout 500ms\n-- trek: statement-timeout 0\n-- trek: irreversible\nSELECT 1;\n",
        }
    )
    ended = inside.run("squash", "1", "2", "--json")
    assert ended.json == {"created": ["migrations/0002.1_squash_of_0001_to_0002.sql"], "notes": []}
    text = (inside.folder / ended.json["created"][0]).read_text()
    assert text.splitlines()[1:5] == [
        "-- trek: replaces 0001 0002",
        "-- trek: irreversible",
        "-- trek: lock-timeout 2000ms",
        "-- trek: statement-timeout 0",
    ]


def test_without_all_ways_down_there_is_none_and_it_is_told(inside: Inside) -> None:
    inside.write({"0001_users.sql": USERS, "0002_more.sql": "SELECT 1;\n"})
    ended = inside.run("squash", "1..head")
    assert "note: it has no way down, since 0002 has none" in ended.err
    assert "-- trek: down" not in (inside.folder / ended.out.strip()).read_text()


def test_branches_keep_what_they_build_on_and_what_stands_between_is_refused(inside: Inside) -> None:
    inside.write(
        {
            "0001_a.sql": "SELECT 1;\n",
            "0002_b.sql": "-- trek: requires 0001\nSELECT 1;\n",
            "0003_c.sql": "-- trek: requires 0001\nSELECT 1;\n",
            "0004_d.sql": "-- trek: requires 0002 0003\nSELECT 1;\n",
            "0005_e.sql": "SELECT 1;\n",
        }
    )
    ended = inside.run("squash", "0002", "0004")
    assert (ended.code, ended.out) == (0, "migrations/0004.1_squash_of_0002_to_0004.sql\n")
    text = (inside.folder / "migrations/0004.1_squash_of_0002_to_0004.sql").read_text()
    assert text.splitlines()[2] == "-- trek: requires 0003"
    assert inside.run("check").code == 0
    ended = inside.run("squash", "0001", "0005")
    assert ended.code == 2
    assert "stands between them" in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("0001",), "that is 1 revision, and a squash is of two or more"),
        (("0002..0001",), "0002 comes after 0001. Write the range the other way round."),
        (("0001..0007",), "unknown target '0007'"),
        (("+1", "0001"), "'+1' is no revision that a file has"),
    ],
)
def test_ranges_that_are_none(inside: Inside, words: tuple[str, ...], says: str) -> None:
    inside.write({"0001_users.sql": USERS, "0002_email.sql": EMAIL})
    ended = inside.run("squash", *words)
    assert ended.code == 2
    assert says in ended.err


def test_a_squash_of_a_squash_stands_for_its_originals_too(inside: Inside) -> None:
    inside.write({f"000{n}_t.sql": f"SELECT {n};\n" for n in range(1, 5)})
    assert inside.run("squash", "1..2", "--title", "two").code == 0
    ended = inside.run("squash", "1..2", "3")
    assert "0001 is replaced already, by 0002.1 (migrations/0002.1_two.sql): take that one too" in ended.err
    assert inside.run("squash", "1..3").code == 0
    text = (inside.folder / "migrations/0003.1_squash_of_0001_to_0003.sql").read_text()
    assert "-- trek: replaces 0001 0002 0002.1 0003\n" in text
    assert re.findall(r"^SELECT .*;$", text, re.MULTILINE) == ["SELECT 1;", "SELECT 2;", "SELECT 3;"]
    assert "3 revisions" not in inside.run("check").out
    assert inside.run("check").code == 0


def test_another_tools_folder_has_no_squashes(inside: Inside) -> None:
    inside.write({"00001_a.sql": "-- +goose Up\nSELECT 1;\n", "00002_b.sql": "-- +goose Up\nSELECT 1;\n"})
    ended = inside.run("squash", "1..2", "--format", "goose")
    assert ended.code == 2
    assert "this format has no squashes" in ended.err


def test_of_several_folders_a_squash_lies_in_the_folder_of_its_originals(inside: Inside) -> None:
    inside.write({f"000{n}_t.sql": "SELECT 1;\n" for n in (1, 3, 5)})
    library = inside.folder / "library"
    library.mkdir()
    for n in (2, 4):
        (library / f"000{n}_l.sql").write_text("SELECT 2;\n")
    (inside.folder / "trek.toml").write_text('directory = ["migrations", "library"]\n')
    assert inside.run("squash", "2..4").out == "library/0004.1_squash_of_0002_to_0004.sql\n"
    assert "-- trek: replaces 0002 0004\n" in (library / "0004.1_squash_of_0002_to_0004.sql").read_text()
    for words in (("1..4",), ("1", "2")):
        assert "these lie in several folders. Squash each by itself." in inside.run("squash", *words).err
