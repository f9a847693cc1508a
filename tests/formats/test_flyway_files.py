"""Flyway's files: names, placeholders, the configuration of a script, and what runs in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.formats.kits import load, make_layout, make_store
from tests.formats.test_flyway import CASE
from trek_core import LoadError
from trek_core.plugin import Copy, Facts, History, Script, Sql
from trek_core.testing import MemoryTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Arrangement

NAMES = {
    "V1__a.sql": ("1", "a"),
    "V1.sql": ("1", ""),
    "V1__.SQL": ("1", ""),
    "V002.010__x_y.sql": ("002.010", "x y"),
    "V1_2__x.sql": ("1.2", "x"),
    "V3__a__b.sql": ("3", "a  b"),
    "R__x.sql": ("R__x", "x"),
    "B4__all.sql": ("B4", "all"),
}
NONE = (
    "V__x.sql",
    "v1__x.sql",
    "Va__x.sql",
    "V1.__x.sql",
    "Readme.sql",
    "R1__x.sql",
    "R.sql",
    "V1__x.txt",
    "V1__x.sql.bak",
)
CONCURRENTLY = "CREATE INDEX CONCURRENTLY i ON a (i);\n"


def arranged(*names: str, **settings: Any) -> Arrangement:
    return make_layout("flyway", **settings).arrange(MemoryTree(dict.fromkeys(names, "SELECT 1;")))


def told(*names: str, **settings: Any) -> list[tuple[str, str]]:
    return [(entry.revision, entry.title) for entry in arranged(*names, **settings).entries]


# --------------------------------------------------------------------------- names
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_as_flyway_reads_it(name: str) -> None:
    assert told(f"sub/{name}") == [NAMES[name]]


@pytest.mark.parametrize("name", NONE)
def test_what_flyway_passes_by_is_passed_by_with_a_reason(name: str) -> None:
    found = arranged(name)
    assert not found.entries
    assert [(str(one.file), bool(one.reason)) for one in found.ignored] == [(f"migrations/{name}", True)]


def test_with_validate_migration_naming_a_name_of_no_kind_is_refused() -> None:
    with pytest.raises(LoadError, match=r"Va__x\.sql: 'a' is no version"):
        arranged("Va__x.sql", validate_migration_naming=True)
    assert not arranged("x.txt", validate_migration_naming=True).entries


def test_names_follow_the_settings_and_the_longest_prefix_is_tried_first() -> None:
    settings = {
        "sql_migration_prefix": "",
        "repeatable_sql_migration_prefix": "RE",
        "sql_migration_separator": "-",
        "sql_migration_suffixes": [".pgsql", ".ddl"],
    }
    assert told("1-a.pgsql", "RE-b.ddl", "2-c.sql", **settings) == [("1", "a"), ("R__b", "b")]


def test_versions_are_ordered_by_number_and_a_baseline_stands_for_those_up_to_its_own() -> None:
    found = {
        entry.revision: entry for entry in arranged("V10__a.sql", "V9__b.sql", "V9.1__c.sql", "B9.1__d.sql").entries
    }
    assert list(found) == ["9", "9.1", "B9.1", "10"]
    assert found["B9.1"].replaces == ("9", "9.1")
    assert found["10"].parents == ("9.1",)


def test_an_undo_script_is_the_way_back_of_its_version_and_alone_it_is_passed_by() -> None:
    files = {"V1__a.sql": "SELECT 1", "sub/U01__b.sql": "SELECT 2", "U3__x.sql": "SELECT 3"}
    layout, tree = make_layout("flyway"), MemoryTree(files)
    found = layout.arrange(tree)
    down = found.entries[0].load(tree).down
    assert down
    assert [one.text for one in down.statements[1:] if isinstance(one, Sql)] == ["SELECT 2"]
    assert [str(one.file) for one in found.ignored] == ["migrations/U3__x.sql"]


@pytest.mark.parametrize("name", ["afterMigrateError.sql", "sub/beforeEachMigrateStatement__x.sql", "createSchema.sql"])
def test_a_callback_of_migrate_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(LoadError, match=rf"{name}: the callback {name.rpartition('/')[2][:12]}"):
        arranged("V1__a.sql", name)


def test_callbacks_stand_at_the_ends_of_a_run_and_around_each_migration() -> None:
    names = ("afterMigrate__b.sql", "afterMigrate.sql", "afterMigrateApplied.sql", "beforeMigrate__a b.sql")
    found = arranged("V1__a.sql", "R__r.sql", *names).entries
    wanted = ["beforeMigrate__a_b", "1", "R__r", "afterMigrateApplied", "afterMigrate", "afterMigrate__b"]
    assert [entry.revision for entry in found] == wanted
    assert [entry.recorded for entry in found] == [False, True, True, False, False, False]
    files = {
        "V1__a.sql": "SELECT 1",
        "beforeEachMigrate__b.sql": "SELECT 'b'",
        "beforeEachMigrate__a.sql": "SELECT '${flyway:user}'",
        "sub/afterEachMigrate.sql": "SELECT 'after';",
    }
    tree = MemoryTree(files, facts=FACTS)
    (entry,) = make_layout("flyway").arrange(tree).entries
    assert texts(entry.load(tree)) == ["SELECT 'ann'", "SELECT 'b'", "SELECT 1", "SELECT 'after'"]


def test_a_callback_of_another_command_is_passed_by() -> None:
    assert "beforeClean" in arranged("beforeClean.sql").ignored[0].reason


@pytest.mark.parametrize(
    ("there", "new"),
    [
        (("V1__a.sql",), "V2__more.sql"),
        (("V009__a.sql", "R__z.sql"), "V010__more.sql"),
        (("V1.9__a.sql",), "V1.10__more.sql"),
        (("B7__a.sql",), "V8__more.sql"),
        ((), "V1__more.sql"),
    ],
)
def test_a_new_file_has_the_next_version(there: tuple[str, ...], new: str) -> None:
    layout = make_layout("flyway")
    assert layout.new
    assert list(layout.new(arranged(*there), "More", "sql")) == [new]


def test_a_new_file_after_times_has_the_time() -> None:
    layout = make_layout("flyway")
    assert layout.new
    (name,) = layout.new(arranged("V20240101000000__a.sql"), "More", "sql")
    assert "V20240101000000" < name[:15] < "V3"


# --------------------------------------------------------------------------- placeholders
FACTS = Facts(database="shop", user="ann", schema="app")


def script(text: str, conf: str | None = None, name: str = "V1__a.sql", **settings: Any) -> Script:
    files = {name: text} | ({} if conf is None else {f"{name}.conf": conf})
    tree = MemoryTree(files, facts=FACTS)
    return make_layout("flyway", **settings).arrange(tree).entries[-1].load(tree)


def texts(found: Script) -> list[str]:
    """The statements of the file: the first of all sets the search_path."""
    assert found.up
    first, *others = found.up.statements
    assert isinstance(first, Sql)
    assert "search_path" in first.text
    return [one.text for one in others if isinstance(one, Sql)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT '${who}', ${WHO} -- ${who}\n, 1", "SELECT 'me', me -- me\n, 1"),
        ("SELECT '${flyway:defaultSchema} ${flyway:user} ${flyway:database}'", "SELECT 'app ann shop'"),
        ("SELECT '${flyway:filename} ${flyway:table}'", "SELECT 'V1__a.sql history'"),
        ("SELECT '${twice}'", "SELECT '${who}'"),
        ("SELECT '$${who}', '$who', '${empty}'", "SELECT '$${who}', '$who', ''"),
        ("SELECT $$${who}$$", "SELECT $$me$$"),
    ],
)
def test_placeholders_are_replaced_as_flyway_does(text: str, wanted: str) -> None:
    given = {"who": "me", "twice": "${who}", "empty": "", "flyway:table": "history"}
    assert texts(script(text, placeholders=given)) == [wanted]


def test_other_marks_and_no_marks_at_all() -> None:
    settings = {"placeholder_prefix": "[[", "placeholder_suffix": "]]", "placeholder_separator": "."}
    assert texts(script("SELECT '[[flyway.user]] ${x}'", **settings)) == ["SELECT 'ann ${x}'"]
    assert texts(script("SELECT '${x}'", placeholder_replacement=False)) == ["SELECT '${x}'"]
    assert texts(script("SELECT '${x}'", "placeholderReplacement=false")) == ["SELECT '${x}'"]


@pytest.mark.parametrize("text", ["SELECT 1;\nSELECT '${other}'", "SELECT 1;\nSELECT '${who'"])
def test_a_placeholder_without_value_or_end_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(LoadError, match=r"V1__a\.sql:2: "):
        script(text, placeholders={"who": "me"})


def test_places_are_those_of_the_file_whatever_a_value_holds() -> None:
    body = script("SELECT '${who}';\nSELECT ${one}; SELECT 3;", placeholders={"who": "a\nb\nc", "one": "1"}).up
    assert body
    assert [(one.line, one.column) for one in body.statements[1:] if isinstance(one, Sql)] == [(1, 1), (2, 1), (2, 16)]
    with pytest.raises(LoadError, match=r"V1__a\.sql:2: "):
        script("SELECT '${who}';\n\\bad", placeholders={"who": "a\nb\nc"})


def test_the_checksum_of_a_repeatable_script_is_of_the_text_with_its_values() -> None:
    tree = MemoryTree({"R__a.sql": "SELECT ${x}"}, facts=FACTS)

    def sums(value: str) -> tuple[str, ...]:
        (entry,) = make_layout("flyway", placeholders={"x": value}).arrange(tree).entries
        return entry.checksums(tree)

    assert sums("1")[0] != sums("2")[0]
    assert sums("1")[1] == sums("2")[1]


# --------------------------------------------------------------------------- how it runs
def modes(text: str, conf: str | None = None, **settings: Any) -> str | None:
    found = script(text, conf, **settings)
    assert found.up
    return found.up.mode


@pytest.mark.parametrize(
    ("text", "conf", "settings", "mode"),
    [
        ("SELECT 1;", None, {}, "transaction"),
        ("-- nothing", None, {}, "transaction"),
        (CONCURRENTLY, None, {}, "autocommit"),
        ("DROP INDEX CONCURRENTLY i; REINDEX SCHEMA s; VACUUM", None, {}, "autocommit"),
        ("create subscription s connection 'x' publication p with (connect = false)", None, {}, "autocommit"),
        (CONCURRENTLY + "SELECT 1", "executeInTransaction=false", {}, "autocommit"),
        ("SELECT 1", "# about it\n\nexecuteInTransaction = FALSE\n", {}, "autocommit"),
        (CONCURRENTLY + "SELECT 1", None, {"mixed": True}, "autocommit"),
        ("SELECT 1", None, {"execute_in_transaction": False}, "autocommit"),
        ("SELECT 1", "executeInTransaction=true", {"execute_in_transaction": False}, "transaction"),
        ("SELECT 1", "encoding=UTF-8\nshouldExecute=true", {}, "transaction"),
    ],
)
def test_what_runs_in_a_transaction_is_what_flyway_runs_in_one(
    text: str, conf: str | None, settings: Mapping[str, object], mode: str
) -> None:
    assert modes(text, conf, **settings) == mode


@pytest.mark.parametrize(
    ("text", "conf", "where"),
    [
        (f"SELECT 1;\n{CONCURRENTLY}", None, r"V1__a\.sql:2: CREATE INDEX CONCURRENTLY beside .*\(line 1\)"),
        (CONCURRENTLY, "executeInTransaction=true", r"V1__a\.sql:1: CREATE INDEX CONCURRENTLY: Flyway runs this in"),
        ("\nREINDEX TABLE CONCURRENTLY t", None, r"V1__a\.sql:2: REINDEX CONCURRENTLY: Flyway runs this in"),
        ("SELECT 1;\nCOMMIT;", None, r"V1__a\.sql:2: COMMIT: Flyway runs this in"),
        ("\\i other.sql", None, r"V1__a\.sql:1: "),
        ("SELECT 1", "\nshouldExecute=${x}==1", r"V1__a\.sql\.conf:2: .*no value for the placeholder"),
        ("SELECT 1", "\nshouldExecute=false", r"V1__a\.sql\.conf:2: shouldExecute=false"),
        ("SELECT 1", "encoding=ISO-8859-1", r"V1__a\.sql\.conf:1: encoding=iso-8859-1"),
        ("SELECT 1", "group=true", r"V1__a\.sql\.conf:1: 'group' is no key"),
        ("SELECT 1", "executeInTransaction=maybe", r"V1__a\.sql\.conf:1: executeInTransaction=maybe"),
    ],
)
def test_what_flyway_or_trek_cannot_run_is_refused_with_file_and_line(text: str, conf: str | None, where: str) -> None:
    with pytest.raises(LoadError, match=where):
        script(text, conf)


def test_copy_sends_the_data_that_stand_in_the_file_with_their_placeholders() -> None:
    found = script("COPY a FROM stdin;\n${x}\n\\.\nSELECT 1;", placeholders={"x": "7"}).up
    assert found
    copy = found.statements[1]
    assert isinstance(copy, Copy)
    assert (copy.data, copy.data_line) == ("7\n", 2)


def test_the_configuration_of_no_script_is_passed_by() -> None:
    assert arranged("V1__a.sql", "V2__b.sql.conf").ignored[0].reason == "the configuration of no script"


# --------------------------------------------------------------------------- numbers
def test_the_number_of_the_lock_is_the_hash_of_the_quoted_names() -> None:
    for schema, wanted in (("public", 77433833903597), ("app", 77431436970681)):
        history = History(exists=False, facts=Facts(database="x", schema=schema))
        assert [one.key for one in make_store("flyway").locks(history)] == [wanted]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["create table trek1(i int);\rselect 1;\n\n", "create table trek1(i int);\r\nselect 1;"]
)
def test_a_checksum_does_not_depend_on_line_ends(text: str) -> None:
    tree = MemoryTree({"V1__a.sql": text})
    (entry,) = make_layout("flyway").arrange(tree).entries
    assert entry.checksums(tree) == ("835589895",)


def test_a_script_of_the_fixture_loads_alone() -> None:
    text = (CASE.path / CASE.folder / "V1_1__idx.sql").read_text()
    found = load("flyway", {"V1_1__idx.sql": text}).up
    assert found
    assert found.mode == "autocommit"
