"""The native layout: names, order, pairs, the graph, and what is refused instead of skipped."""

import hashlib
import random
import re
from datetime import UTC, datetime

import pytest

from trek_core.contracts import Loader
from trek_core.errors import ConfigError, Cycle, Duplicate, LoadError, TrekError, UnknownRevision
from trek_core.model import Arrangement, Body, Call, Direction, Entry, Rules, Script, Source, Sql
from trek_core.testing import MemoryTree
from trek_core.text import decode
from trek_loaders import python, sql
from trek_loaders.native import arrange, natural_key, new, smells, trek_register_layouts


def load_sql(source: Source) -> Script:
    """One statement a file, so that the tests of the layout do not depend on the splitter."""
    text = decode(source)
    body = Body((Sql(text),))
    irreversible = "irreversible" in text
    return Script(None, body) if source.direction is Direction.down else Script(body, None, irreversible)


LOADERS = (Loader("sql", (".sql",), load_sql), Loader("python", (".py",), python.load))


def tree(*names: str) -> MemoryTree:
    return MemoryTree(dict.fromkeys(names, "SELECT 1;"), LOADERS)


def tree_of(files: dict[str, str | bytes]) -> MemoryTree:
    return MemoryTree(files, LOADERS)


def entries(files: MemoryTree) -> dict[str, Entry]:
    return {entry.revision: entry for entry in arrange(files).entries}


def order(*names: str) -> list[str]:
    return [entry.revision for entry in arrange(tree(*names)).entries]


def parents(files: dict[str, str | bytes]) -> dict[str, tuple[str, ...]]:
    return {revision: entry.parents for revision, entry in entries(tree_of(files)).items()}


def refused(*names: str, error: type[TrekError] = LoadError) -> str:
    with pytest.raises(error) as caught:
        arrange(tree(*names))
    return str(caught.value)


def test_the_layout_is_offered_as_native_with_the_default_rules():
    (provider,) = trek_register_layouts()
    layout = provider.create(provider.settings())
    assert provider.name == "native"
    assert (layout.arrange, layout.smells, layout.new, layout.route) == (arrange, smells, new, None)
    assert layout.rules == Rules()


# ----------------------------------------------------------------------- names
def test_an_empty_tree_has_no_entries():
    assert arrange(tree()) == Arrangement(())


@pytest.mark.parametrize(
    ("name", "revision", "title"),
    [
        ("0001_users.sql", "0001", "users"),
        ("0001_add_two_columns.py", "0001", "add_two_columns"),
        ("0001.sql", "0001", ""),
        ("20240101120000_x.sql", "20240101120000", "x"),
        ("1.2_v1.3 done.sql", "1.2", "v1.3 done"),
        ("1.2.sql", "1.2", ""),
        ("a1_users.sql", "a1", "users"),
        ("abc_users.sql", "abc", "users"),
        ("0001__x.sql", "0001", "_x"),
        ("0001_.sql", "0001", ""),
        ("""0001_it's "so" big.sql""", "0001", """it's "so" big"""),
        ("0001_a\nb.sql", "0001", "a\nb"),
        (f"0001_{'x' * 191}.sql", "0001", "x" * 191),
        ("deep/er/0001_users.sql", "0001", "users"),
        ("0001_readme.sql", "0001", "readme"),
        ("0001_up.sql", "0001", "up"),
    ],
)
def test_revision_and_title_are_read_from_the_name(name, revision, title):
    (entry,) = arrange(tree(name)).entries
    assert (entry.revision, entry.title) == (revision, title)
    assert [file.path for file in entry.files] == [name]
    assert (entry.parents, entry.replaces, entry.rerun, entry.skip) == ((), (), "never", None)


def test_the_order_is_natural_and_over_all_folders():
    assert order("b/0010_c.sql", "20240101120000_d.sql", "a/2_a.sql", "9_b.py") == ["2", "9", "0010", "20240101120000"]


def test_numbers_come_before_letters_and_letters_are_text():
    assert order("b1_x.sql", "a10_x.sql", "a9_x.sql", "B_x.sql", "3_x.sql", "1.10_x.sql", "1.9_x.sql", "1_x.sql") == [
        "1",
        "1.9",
        "1.10",
        "3",
        "B",
        "a9",
        "a10",
        "b1",
    ]


def test_the_natural_key_orders_numbers_of_any_length():
    numbers = sorted({random.Random(1).randrange(10**width) for width in range(1, 60) for _ in range(3)})
    assert sorted((str(one).zfill(7) for one in reversed(numbers)), key=natural_key) == [
        str(one).zfill(7) for one in numbers
    ]
    assert natural_key("9" * 5000) < natural_key("1" + "0" * 5000)


# ----------------------------------------------------------------------- pairs and duplicates
def test_a_pair_is_one_entry_and_each_file_gives_its_direction():
    files = tree_of({"0002_email.down.sql": "DOWN", "0002_email.up.sql": "UP"})
    (entry,) = arrange(files).entries
    assert entry.title == "email"
    assert [file.path for file in entry.files] == ["0002_email.up.sql", "0002_email.down.sql"]
    script = entry.load(files)
    assert files.loaded == [("0002_email.up.sql", Direction.up), ("0002_email.down.sql", Direction.down)]
    assert script == Script(Body((Sql("UP"),)), Body((Sql("DOWN"),)))


def test_a_pair_may_be_of_two_kinds():
    files = tree_of({"1_a.up.sql": "UP", "1_a.down.py": "async def downgrade(connection): pass"})
    script = entries(files)["1"].load(files)
    assert script.down is not None
    assert script.up == Body((Sql("UP"),))


# ----------------------------------------------------------------------- a way down added later
WRITTEN = {".sql": "SELECT 1;", ".py": "async def upgrade(connection): pass"}
WRITTEN_DOWN = {".sql": "SELECT 2;", ".py": "async def downgrade(connection): pass"}
REAL = (Loader("sql", (".sql",), sql.load), Loader("python", (".py",), python.load))


@pytest.mark.parametrize("down", [".sql", ".py"])
@pytest.mark.parametrize("up", [".sql", ".py"])
def test_a_file_without_a_direction_can_be_given_a_way_down_and_keeps_its_checksum(up, down):
    before = MemoryTree({f"13_d{up}": WRITTEN[up]}, REAL)
    after = MemoryTree({f"13_d.down{down}": WRITTEN_DOWN[down], f"13_d{up}": WRITTEN[up]}, REAL)
    (alone,), (entry,) = arrange(before).entries, arrange(after).entries
    assert [file.path for file in entry.files] == [f"13_d{up}", f"13_d.down{down}"]
    assert (entry.revision, entry.title) == (alone.revision, alone.title) == ("13", "d")
    assert entry.checksums(after) == alone.checksums(before)
    assert alone.load(before).down is None
    script = entry.load(after)
    assert script.up is not None
    assert script.down is not None
    assert [statement.file for statement in script.up.statements] == [f"migrations/13_d{up}"]
    assert [statement.file for statement in script.down.statements] == [f"migrations/13_d.down{down}"]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("13_d.sql", "SELECT 1;\n-- trek: down\nSELECT 2;", "13_d.sql:3"),
        ("13_d.sql", "SELECT 1;\n-- trek: down\n", "13_d.sql"),
        ("13_d.py", f"{WRITTEN['.py']}\n{WRITTEN_DOWN['.py']}", "13_d.py:2"),
    ],
)
def test_two_ways_back_are_refused_when_loaded_and_both_are_named(name, content, place):
    files = MemoryTree({name: content, "13_d.down.sql": "SELECT 3;"}, REAL)
    with pytest.raises(LoadError) as caught:
        entries(files)["13"].load(files)
    assert str(caught.value).startswith(
        f"migrations/13_d.down.sql: a second way back: migrations/{place} has one too\nDelete this file"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [("13_d.sql", "-- trek: irreversible\nSELECT 1;"), ("13_d.py", f"irreversible = True\n{WRITTEN['.py']}")],
)
def test_a_way_back_beside_an_irreversible_file_is_refused_when_loaded(name, content):
    files = MemoryTree({name: content, "13_d.down.sql": "SELECT 3;"}, REAL)
    with pytest.raises(LoadError, match=rf"13_d\.down\.sql: .*migrations/{name} says that it is irreversible"):
        entries(files)["13"].load(files)


# ----------------------------------------------------------------------- suffixes with two dots
TMPL = (*LOADERS, Loader("tmpl", (".tmpl", ".sql.tmpl"), load_sql))


def test_the_title_ends_where_the_longest_suffix_begins():
    found = entries(MemoryTree(dict.fromkeys(("1_a.sql.tmpl", "2_b.tmpl", "3_c.txt.tmpl", "4.sql.tmpl"), ""), TMPL))
    assert {one.revision: one.title for one in found.values()} == {"1": "a", "2": "b", "3": "c.txt", "4": ""}


@pytest.mark.parametrize("up", ["1_z.up.sql.tmpl", "1_z.sql.tmpl", "1_z.UP.sql.tmpl", "1_z.up.sql", "1_z.up.tmpl"])
def test_a_pair_may_have_a_suffix_with_two_dots(up):
    files = MemoryTree({"1_z.down.sql.tmpl": "DOWN", up: "UP"}, TMPL)
    (entry,) = arrange(files).entries
    assert (entry.title, [file.path for file in entry.files]) == ("z", [up, "1_z.down.sql.tmpl"])
    assert entry.load(files) == Script(Body((Sql("UP"),)), Body((Sql("DOWN"),)))
    assert ("1_z.down.sql.tmpl", Direction.down) in files.loaded


@pytest.mark.parametrize("name", ["1_z.down.sql.tmpl", "1_z.DOWN.sql.tmpl", "1_z.Down.tmpl"])
def test_a_way_down_of_any_suffix_is_never_run_as_a_way_up(name):
    with pytest.raises(LoadError, match="a way down without its way up"):
        arrange(MemoryTree({name: "DOWN"}, TMPL))


def test_a_way_up_without_its_way_down_is_fine():
    files = tree_of({"1_a.up.sql": "UP"})
    assert entries(files)["1"].load(files) == Script(Body((Sql("UP"),)), None)
    assert files.loaded == [("1_a.up.sql", Direction.up)]


def test_one_file_is_loaded_without_a_direction():
    files = tree("1_a.sql")
    entries(files)["1"].load(files)
    assert files.loaded == [("1_a.sql", None)]


def test_a_way_down_is_known_in_capitals_and_never_run_as_a_way_up():
    assert "a way down without its way up" in refused("1_a.DOWN.sql")


def test_a_way_down_without_a_way_up_is_refused():
    assert "migrations/1_a.down.sql: a way down without its way up" in refused("1_a.down.sql", "2_b.sql")


def test_an_irreversible_way_up_beside_a_way_down_is_refused_when_loaded():
    files = tree_of({"1_a.up.sql": "-- trek: irreversible", "1_a.down.sql": "DOWN"})
    with pytest.raises(LoadError, match=r"1_a\.down\.sql.*migrations/1_a\.up\.sql says that it is irreversible"):
        entries(files)["1"].load(files)


@pytest.mark.parametrize(
    "names",
    [
        ("0001_a.sql", "0001_b.sql"),
        ("0001_a.sql", "0001_a.py"),
        ("x/0001_a.sql", "y/0001_a.sql"),
        ("1_a.sql", "0001_b.sql"),
        ("v1_a.sql", "v01_b.sql"),
        ("0001_a.sql", "0001_a.up.sql"),
        ("0001_a.sql", "0001_b.down.sql"),
        ("0001_a.sql", "0001_a.up.sql", "0001_a.down.sql"),
        ("0001_a.sql", "0001_a.down.sql", "0001_a.down.py"),
        ("0001_a.up.sql", "0001_a.up.py"),
        ("0001_a.up.sql", "0001_b.down.sql"),
        ("1_a.up.sql", "01_a.down.sql"),
        ("0001_a.up.sql", "0001_a.down.sql", "0001_a.down.py"),
    ],
)
def test_a_second_file_for_a_revision_is_refused_and_all_are_named(names):
    message = refused(*names, error=Duplicate)
    for name in names:
        assert f"migrations/{name}" in message


# ----------------------------------------------------------------------- what is no migration
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("README.md", "README"),
        ("Readme", "README"),
        ("README.sql", "README"),
        ("__init__.py", "package"),
        ("sub/__init__.py", "package"),
        ("__pycache__/0001_a.cpython-311.pyc", "Python keeps"),
        ("notes.txt", "no loader takes '.txt'"),
        ("2024-plan.md", "no loader takes '.md'"),
        ("Makefile", "without a suffix"),
        ("schema_dump.csv", "no loader takes '.csv'"),
    ],
)
def test_a_file_that_is_no_migration_is_ignored_with_its_reason(name, reason):
    arrangement = arrange(tree(name, "1_a.sql"))
    (ignored,) = arrangement.ignored
    assert ignored.file.path == name
    assert reason in ignored.reason
    assert [entry.revision for entry in arrangement.entries] == ["1"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("0001_users.xyz", "no loader takes '.xyz'"),
        ("0001_users.sql~", "no loader takes '.sql~'"),
        ("1.2_users.sql.bak", "no loader takes '.bak'"),
        ("0001_users", "without a suffix"),
        ("a/0001_data.csv", "no loader takes '.csv'"),
    ],
)
def test_a_file_named_like_a_migration_that_no_loader_takes_is_refused(name, kind):
    message = refused("1_a.sql", name)
    assert f"migrations/{name}: " in message
    assert kind in message
    assert "install or enable a loader" in message


@pytest.mark.parametrize(
    "name",
    [
        "helpers.py",
        "schema.sql",
        "a1.sql",
        "_x.sql",
        "0001-users.sql",
        "0001 users_x.sql",
        "1._x.sql",
        "1..2_x.sql",
        "é_x.sql",
    ],
)
def test_a_loadable_file_without_a_revision_is_refused_instead_of_skipped(name):
    message = refused("1_a.sql", name)
    assert f"migrations/{name}: " in message
    assert "Rename it" in message


@pytest.mark.parametrize("name", ["head_x.sql", "base_x.sql", "initial_x.sql", "HEAD_x.sql"])
def test_the_names_of_targets_are_refused_as_revisions(name):
    assert "cannot be a revision" in refused(name)


@pytest.mark.parametrize("name", ["+1_x.sql", "-1_x.sql"])
def test_a_revision_that_would_read_as_a_step_is_refused(name):
    assert f"migrations/{name}" in refused(name)


# ----------------------------------------------------------------------- parents
def test_without_a_word_the_revisions_are_a_chain():
    assert parents({"3_c.py": "", "1_a.sql": "", "2_b.up.sql": "", "2_b.down.sql": ""}) == {
        "1": (),
        "2": ("1",),
        "3": ("2",),
    }


def test_requires_names_the_parents_exactly():
    files: dict[str, str | bytes] = {
        "1_a.sql": "",
        "2_b.sql": "",
        "3_c.sql": "-- trek: requires 1",
        "4_d.up.sql": "\ufeff-- a word\n-- TREK :\trequires 2 3\r\n",
        "5_e.py": "requires = ('1', 'gone')",
        "6_f.sql": "",
    }
    assert parents(files) == {"1": (), "2": ("1",), "3": ("1",), "4": ("2", "3"), "5": ("1", "gone"), "6": ("5",)}


def test_a_requires_below_the_top_or_behind_down_is_not_meant():
    files: dict[str, str | bytes] = {
        "1_a.sql": "",
        "2_b.sql": "",
        "3_c.sql": "SELECT 1; -- trek: requires 1",
        "4_d.py": "# requires",
    }
    assert parents(files) == {"1": (), "2": ("1",), "3": ("2",), "4": ("3",)}


def test_an_unknown_directive_is_refused_when_the_folder_is_arranged():
    with pytest.raises(LoadError, match=r"migrations/1_a\.sql:2: unknown directive 'requries'"):
        arrange(tree_of({"1_a.sql": "\n-- trek: requries 1"}))


def test_content_without_directives_may_be_anything_until_it_is_loaded():
    assert parents({"1_a.sql": b"\xff\0", "2_b.py": "this is no python"}) == {"1": (), "2": ("1",)}


def test_content_with_directives_must_be_text():
    with pytest.raises(LoadError, match=r"1_a\.sql:2: byte 0xff is not UTF-8"):
        arrange(tree_of({"1_a.sql": b"-- trek: irreversible\n\xff"}))


# ----------------------------------------------------------------------- squashes
ORIGINALS: dict[str, str | bytes] = {"1_a.sql": "", "2_b.sql": "", "3_c.sql": "", "4_d.sql": ""}


def test_a_range_becomes_the_revisions_in_order():
    files = tree_of({**ORIGINALS, "3.1_s.sql": "-- trek: replaces 3 1..2"})
    assert entries(files)["3.1"].replaces == ("1", "2", "3")


def test_a_python_squash_says_replaces_in_a_constant():
    assert entries(tree_of({**ORIGINALS, "5_s.py": "replaces = '2..3'"}))["5"].replaces == ("2", "3")


def test_while_the_originals_are_there_the_chain_runs_through_them():
    found = parents({**ORIGINALS, "3.1_s.sql": "-- trek: replaces 2..3"})
    assert found == {"1": (), "2": ("1",), "3": ("2",), "3.1": ("1",), "4": ("3",)}


def test_once_the_originals_are_gone_the_chain_runs_through_the_squash():
    found = parents({"1_a.sql": "", "3.1_s.sql": "-- trek: replaces 2 3", "4_d.sql": ""})
    assert found == {"1": (), "3.1": ("1",), "4": ("3.1",)}


def test_a_squash_written_later_has_the_place_of_what_it_replaces():
    found = parents({"1_a.sql": "", "4_d.sql": "", "5_e.sql": "", "9_s.sql": "-- trek: replaces 2 3"})
    assert found == {"1": (), "9": ("1",), "4": ("9",), "5": ("4",)}


def test_when_some_originals_are_gone_the_chain_runs_through_the_squash():
    found = parents({"1_a.sql": "", "3_c.sql": "", "3.1_s.sql": "-- trek: replaces 2 3", "4_d.sql": ""})
    assert found["3.1"] == ("1",)
    assert found["4"] == ("3.1",)


def test_a_squash_has_the_parents_of_the_first_revision_it_replaces():
    files = {**ORIGINALS, "2_b.sql": "", "3_c.sql": "-- trek: requires 1", "5_s.sql": "-- trek: replaces 3..4"}
    assert parents(files)["5"] == ("1",)


def test_a_squash_may_name_its_parents():
    files = {**ORIGINALS, "5_s.sql": "-- trek: replaces 3..4\n-- trek: requires 1"}
    assert parents(files)["5"] == ("1",)


def test_a_squash_of_a_squash_has_the_parents_of_that():
    files: dict[str, str | bytes] = {
        "1_a.sql": "",
        "3.1_s.sql": "-- trek: replaces 2 3",
        "4_d.sql": "",
        "5_t.sql": "-- trek: replaces 3.1 4",
        "6_e.sql": "",
    }
    assert parents(files) == {"1": (), "3.1": ("1",), "4": ("3.1",), "5": ("1",), "6": ("4",)}


@pytest.mark.parametrize("word", ["2..33", "0..2", "8..9", "02..3"])
def test_a_range_without_its_ends_is_refused_with_the_way_out(word):
    with pytest.raises(UnknownRevision, match="name each revision from the start") as caught:
        arrange(tree_of({**ORIGINALS, "5_s.sql": f"-- trek: replaces {word}"}))
    assert "already ran 5 accepts the edited file with `trek repair 5 --applied`" in str(caught.value)
    assert f"migrations/5_s.sql: replaces {word}" in str(caught.value)
    assert caught.value.revisions[0] in word.split("..")


def test_a_single_revision_with_other_zeros_is_not_taken_for_one_that_is_gone():
    with pytest.raises(UnknownRevision, match=r"no file has the revision '01'.*\nWrite it as 1"):
        arrange(tree_of({**ORIGINALS, "5_s.sql": "-- trek: replaces 01"}))


def test_a_range_that_runs_backwards_is_refused():
    with pytest.raises(LoadError, match=r"Write 1\.\.3"):
        arrange(tree_of({**ORIGINALS, "5_s.sql": "-- trek: replaces 3..1"}))


@pytest.mark.parametrize("word", ["5", "1..5"])
def test_a_squash_that_replaces_itself_is_refused(word):
    with pytest.raises(LoadError, match="5 replaces itself"):
        arrange(tree_of({**ORIGINALS, "5_s.sql": f"-- trek: replaces {word}"}))


def test_squashes_that_replace_one_another_are_refused():
    with pytest.raises(Cycle, match="1 replaces 2 replaces 1"):
        arrange(tree_of({"1_a.sql": "-- trek: replaces 2", "2_b.sql": "-- trek: replaces 1"}))


# ----------------------------------------------------------------------- checksums, cost
def test_the_checksum_is_sha_256_and_ignores_bom_and_line_ends():
    contents = (b"a\nb\n", b"\xef\xbb\xbfa\nb\n", b"a\r\nb\r\n")
    trees = [tree_of({"1_a.sql": content}) for content in contents]
    assert {entries(one)["1"].checksums(one) for one in trees} == {(hashlib.sha256(b"a\nb\n").hexdigest(),)}


def test_any_other_change_changes_the_checksum():
    trees = [tree_of({"1_a.sql": content}) for content in (b"a\n", b"a", b"a \n", b"a\n\n", b"a\rb", b"a\nb")]
    assert len({entries(one)["1"].checksums(one) for one in trees}) == len(trees)


def test_of_a_pair_only_the_way_up_counts():
    def checksum(up: str, down: str) -> tuple[str, ...]:
        files = tree_of({"1_a.up.sql": up, "1_a.down.sql": down})
        return entries(files)["1"].checksums(files)

    assert checksum("a", "b") == checksum("a", "c") != checksum("b", "b")


def test_ten_thousand_files_are_read_once_each_and_none_is_loaded():
    files = tree_of({f"{n:05}_x{n}.{'py' if n % 2 else 'sql'}": "-- nothing" for n in range(10_000)})
    found = arrange(files).entries
    assert [found[0].parents, found[-1].parents] == [(), ("09998",)]
    assert set(files.reads.values()) == {1}
    assert files.loaded == []


@pytest.mark.parametrize("up", ["1_a.up.sql", "1_a.sql", "1_a.up.sql.tmpl"])
@pytest.mark.parametrize("down", ["1_a.down.sql", "1_a.DOWN.sql", "1_a.down.sql.tmpl", "1_a.down.tmpl", "1_a.down.py"])
def test_planning_a_pair_reads_its_way_up_only(up, down):
    files = MemoryTree({up: "select 1", down: "-- +goose Up"}, TMPL)
    assert smells(files) is None
    entries(files)["1"].checksums(files)
    assert set(files.reads) == {up}


# ----------------------------------------------------------------------- other tools
@pytest.mark.parametrize(
    ("name", "content", "tool", "what"),
    [
        ("00001_a.sql", "-- a word\r\n-- +goose Up\r\nSELECT 1;", "goose", "'-- +goose Up'"),
        ("00001_a.sql", "--+goose up", "goose", "'--+goose up'"),
        ("1_a.sql", "-- migrate:up transaction:false\n", "dbmate", "'-- migrate:up transaction:false'"),
        ("1_a.sql", "\n-- +migrate Up\n", "sql-migrate", "'-- +migrate Up'"),
        ("1_a.sql", "-- migrate: apply\nSELECT 1;\n-- migrate: rollback\n", "pogo-migrate", "'-- migrate: apply'"),
        ("1_a.sql", "a\r\n---- create above / drop below ----\r\nb", "tern", "'---- create above / drop below ----'"),
        ("1_a.sql", "-- Up Migration\na;\n-- Down Migration\nb;", "node-pg-migrate", "'-- Up Migration'"),
        ("001.do.make_it.sql", "", "postgrator", "001.do.make_it.sql"),
        ("001.undo.make_it.sql", "", "postgrator", "001.undo.make_it.sql"),
        ("V1__first.sql", "", "flyway", "V1__first.sql"),
        ("db/V1_2.3__first one.SQL", "", "flyway", "db/V1_2.3__first one.SQL"),
        ("R__views.sql", "", "flyway", "R__views.sql"),
        ("20240101_initial_up_a.sql", "", "asyncpg-trek", "20240101_initial_up_a.sql"),
        ("20240101_initial_up_a.py", "", "asyncpg-trek", "20240101_initial_up_a.py"),
    ],
)
def test_the_folder_of_another_tool_is_known_by_its_smell(name, content, tool, what):
    files = MemoryTree(
        {"0000_a.sql": "SELECT 1;", name: content}, (Loader("sql", (".sql", ".SQL"), load_sql), LOADERS[1])
    )
    message = smells(files)
    assert message is not None
    assert message.startswith(f"looks like {tool} because ")
    assert name in message
    assert what in message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1_a.up.sql", "SELECT 1;"),
        ("20240101_scale_up_workers.sql", "SELECT 1;"),
        ("V1_first.sql", ""),
        ("1_a.sql", "SELECT '+goose Up';  -- not: migrate:up, +migrate"),
        ("1_a.sql", "-- Up migration of people; the\n-- way down migration tools want is elsewhere\nSELECT 1;"),
        ("1_undo.sql", "SELECT 1;  -- drop below zero, ---- create above / drop below ----"),
        ("1_a.py", "x = '''\n-- +goose Up\n'''"),
        ("notes.txt", "-- +goose Up"),
        ("R__notes.txt", ""),
    ],
)
def test_a_native_folder_smells_of_nothing(name, content):
    assert smells(tree_of({name: content})) is None


def test_smelling_reads_no_file_twice():
    files = tree("1_a.sql", "2_b.py", "c.txt")
    assert smells(files) is None
    assert files.reads == {"1_a.sql": 1}


# ----------------------------------------------------------------------- new
def only(files) -> tuple[str, str]:
    ((name, content),) = files.items()
    return name, content


@pytest.mark.parametrize(
    ("names", "revision"),
    [
        ((), "0001"),
        (("0001_a.sql", "0002_b.sql"), "0003"),
        (("009_a.sql",), "010"),
        (("99_a.sql",), "100"),
        (("1.9_a.sql",), "1.10"),
        (("a1_a.sql",), "a2"),
        (("1b_a.sql",), "2b"),
        (("alpha_a.sql",), "alpha1"),
    ],
)
def test_a_new_revision_follows_the_last_one_in_its_width(names, revision):
    arrangement = arrange(tree(*names))
    name, _ = only(new(arrangement, "x", "sql"))
    assert name == f"{revision}_x.sql"
    assert order(*names, name)[-1] == revision


def test_timestamps_are_continued_with_the_time_in_utc():
    before = datetime.now(UTC)
    name, _ = only(new(arrange(tree("20240101120000_a.sql")), "x", "sql"))
    made = datetime.strptime(name[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert before.replace(microsecond=0) <= made <= datetime.now(UTC)


def test_a_timestamp_in_the_future_is_followed_by_a_later_one():
    name, _ = only(new(arrange(tree("99990101120000_a.sql")), "x", "sql"))
    assert name == "99990101120001_x.sql"


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Add users", "add_users"), ("  user's e-mail: 2 ", "user_s_e_mail_2"), ("a__b", "a_b"), ("../../etc", "etc")],
)
def test_the_title_becomes_a_plain_file_name(title, slug):
    assert only(new(Arrangement(()), title, "sql"))[0] == f"0001_{slug}.sql"


@pytest.mark.parametrize("title", ["", "  ", "ä", "/"])
def test_a_title_that_makes_no_name_is_refused(title):
    with pytest.raises(ConfigError, match=re.escape(repr(title))):
        new(Arrangement(()), title, "sql")


def test_an_unknown_kind_is_refused_with_those_on_offer():
    with pytest.raises(ConfigError, match=r"'rb'.*sql, py"):
        new(Arrangement(()), "x", "rb")


def test_nothing_of_the_title_escapes_the_comment_of_the_sql_template():
    _, content = only(new(Arrangement(()), "a {b}\nDROP TABLE c;", "sql"))
    assert content.splitlines()[0] == "-- a {b} DROP TABLE c;"
    assert [line for line in content.splitlines() if line and not line.startswith("--")] == []


def test_the_sql_template_has_no_way_back_until_its_line_is_made_one():
    name, content = only(new(Arrangement(()), "users", "sql"))
    written = content.replace("\n\n", "\nSELECT 1;\n", 1)
    files = MemoryTree({name: written}, REAL)
    script = entries(files)["0001"].load(files)
    assert script.up is not None
    assert script.down is None
    files = MemoryTree({name: written.replace("-- -- ", "-- ") + "SELECT 2;\n"}, REAL)
    script = entries(files)["0001"].load(files)
    assert script.down is not None
    assert [one.text for one in script.down.statements if isinstance(one, Sql)] == ["SELECT 2"]


def test_the_sql_template_is_refused_unwritten():
    name, content = only(new(Arrangement(()), "users", "sql"))
    files = MemoryTree({name: content}, REAL)
    with pytest.raises(LoadError, match="nothing but comments"):
        entries(files)["0001"].load(files)


async def test_the_python_template_has_no_way_back_and_refuses_to_run_unwritten():
    name, content = only(new(Arrangement(()), "back\nfill", "py"))
    files = tree_of({name: content})
    script = entries(files)["0001"].load(files)
    assert script.up is not None
    assert script.down is None
    (call,) = script.up.statements
    assert isinstance(call, Call)
    with pytest.raises(NotImplementedError):
        await call.function(None)


def test_the_comment_of_the_python_template_is_a_way_back_once_it_is_code():
    name, content = only(new(Arrangement(()), "backfill", "py"))
    files = tree_of({name: re.sub(r"^# (async|    )", r"\1", content, flags=re.MULTILINE)})
    script = entries(files)["0001"].load(files)
    assert script.down is not None
    (call,) = script.down.statements
    assert isinstance(call, Call)
    assert call.name == "downgrade"
