"""What the asyncpg-trek store makes of the rows of its table, without a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.formats.asyncpg_trek_support import (
    CHAIN,
    catalog_of,
    make_store,
)
from trek_core.errors import (
    ConfigError,
    PlanError,
    TrekError,
)
from trek_core.model import Action, Advisory, Entry, Facts, Script, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trek_core.model import History, Rows

TABLE = {
    "trek_table": {
        "hidden": False,
        "columns": {"id": "integer", "from_revision": "text", "to_revision": "text", "timestamp": "timestamp"},
    }
}


def rows_of(*pairs: tuple[str | None, str | None]) -> Rows:
    time = "2026-01-01T00:00:00"
    rows = [
        {"id": n, "from_revision": a, "to_revision": b, "timestamp": time} for n, (a, b) in enumerate(pairs, start=1)
    ]
    return [*reversed(rows), TABLE]


def history_of(*pairs: tuple[str | None, str | None]) -> History:
    return make_store().history(rows_of(*pairs), Facts())


def state_of(*pairs: tuple[str | None, str | None], names: Iterable[str] = ()) -> State:
    return make_store().state(history_of(*pairs), catalog_of(names))


def test_the_newest_row_says_where_the_database_stands_whatever_order_the_rows_come_in() -> None:
    state = state_of(("initial", "one"), ("one", "two"))
    assert (state.applied, state.current) == (("one", "two"), "two")
    assert state.rows["one"].data["id"] == 1


@pytest.mark.parametrize(
    ("pairs", "applied"),
    [
        ([("initial", "one"), ("one", "two"), ("two", "one")], ("one",)),
        ([("initial", "one"), ("one", "two"), ("two", "three"), ("three", "one")], ("one",)),
        ([("initial", "one"), ("one", "two"), ("two", "initial")], ()),
        ([("initial", "one"), ("one", None)], ()),
        ([(None, "one")], ("one",)),
        ([("initial", "one"), ("one", "")], ()),
        ([("initial", "one"), ("one", "initial"), ("initial", "two")], ("two",)),
        ([], ()),
    ],
)
def test_a_row_back_to_a_revision_of_the_path_cuts_it_there(
    pairs: list[tuple[str | None, str | None]], applied: tuple[str, ...]
) -> None:
    state = state_of(*pairs)
    assert state.applied == applied
    assert state.current == (applied[-1] if applied else None)
    assert set(state.rows) == set(applied)


def test_a_way_down_to_a_revision_off_the_path_leaves_its_start() -> None:
    pairs = (("initial", "three"), ("three", "two"))
    assert state_of(*pairs, names=CHAIN).applied == ("two",)
    assert state_of(("three", "two"), names=CHAIN).applied == ("two",)


def test_after_a_way_down_a_revision_keeps_the_row_that_had_made_it_applied() -> None:
    state = state_of(("initial", "one"), ("one", "two"), ("two", "one"))
    assert state.rows["one"].data["id"] == 1
    again = state_of(("initial", "one"), ("one", "initial"), ("initial", "one"))
    assert again.rows["one"].data["id"] == 3


def test_history_lines_say_what_was_applied_and_what_reverted() -> None:
    history = history_of(("initial", "one"), ("one", "two"), ("two", "one"))
    assert [(row.verb, row.revision) for row in history.rows] == [("apply", "one"), ("apply", "two"), ("revert", "two")]
    assert history.rows[0].started_at == "2026-01-01T00:00:00"
    assert (history.exists, history.next) == (True, 4)


def test_no_table_is_an_empty_history_that_does_not_exist() -> None:
    history = make_store().history(None, Facts())
    assert (history.exists, history.rows) == (False, ())
    assert make_store().state(history, catalog_of(())) == State()


@pytest.mark.parametrize(
    "columns",
    [
        {"id": "integer", "migration": "varchar(255)", "batch": "integer"},
        {"id": "integer", "timestamp": "bigint", "name": "varchar"},
        {"id": "uuid", "from_revision": "text", "to_revision": "text", "timestamp": "timestamp"},
    ],
)
@pytest.mark.parametrize("rows", [[], [{"id": 1, "migration": "x", "batch": 1}]])
def test_a_table_of_another_shape_is_refused_even_when_it_is_empty(columns: dict[str, str], rows: list[Any]) -> None:
    described = {"trek_table": {"hidden": False, "columns": columns}}
    with pytest.raises(ConfigError, match=r"public\.migrations is not asyncpg-trek's.*store setting schema"):
        make_store().history([described, *rows], Facts())


def test_a_table_whose_rows_are_hidden_is_refused() -> None:
    hidden = {"trek_table": {**TABLE["trek_table"], "hidden": True}}
    with pytest.raises(ConfigError, match=r"Row security hides rows of public\.migrations from the role 'app'"):
        make_store().history([hidden], Facts(user="app"))


@pytest.mark.parametrize("schema", ["", "a\0b"])
def test_a_schema_that_cannot_be_a_name_is_refused(schema: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a schema"):
        make_store(schema=schema)


def test_the_identity_names_the_table() -> None:
    assert make_store().identity == "public.migrations"
    assert make_store(schema="custom").identity == "custom.migrations"


def test_the_lock_is_stable_fits_a_bigint_and_differs_between_tables() -> None:
    history = history_of()
    (public,) = make_store().locks(history)
    (custom,) = make_store(schema="custom").locks(history)
    assert isinstance(public, Advisory)
    assert public == make_store(schema="public").locks(history)[0]
    assert public != custom
    assert -(2**63) <= public.key < 2**63


def action_to(*after: str, before: tuple[str, ...] = ("before",)) -> Action:
    entry = Entry(revision="x", load=lambda tree: Script(None))
    return Action(entry=entry, verb="apply", mode="transaction", body=None, index=0, before=before, after=after)


def test_a_record_leaves_the_history_that_the_next_one_starts_from() -> None:
    history = history_of(("initial", "one"))
    following = make_store().record(action_to("two"), history).history
    assert [(row.verb, row.revision) for row in following.rows] == [("apply", "two")]
    assert (following.exists, following.next) == (True, 3)
    back = make_store().record(action_to(), following).history
    assert make_store().state(back, catalog_of(())).applied == ()
    assert back.next == 4


def test_ten_thousand_steps_keep_no_more_than_one_row_each() -> None:
    store, history = make_store(), history_of()
    for n in range(10_000):
        history = store.record(action_to(f"r{n}"), history).history
        assert len(history.rows) == 1
    assert history.next == 10_001


def test_a_state_of_several_heads_is_refused() -> None:
    with pytest.raises(TrekError, match=r"stand on a, b, and asyncpg-trek's table holds one"):
        make_store().record(action_to("a", "b"), history_of())


def test_an_action_that_moves_the_database_nowhere_is_refused() -> None:
    with pytest.raises(PlanError, match="trek stamp REVISION"):
        make_store().record(action_to(before=()), history_of(("initial", "one")))


def test_a_table_that_an_old_snapshot_does_not_describe_is_refused() -> None:
    with pytest.raises(ConfigError, match="younger than what the open transaction can see"):
        make_store().history([], Facts())


def test_a_stranger_s_catalog_without_edges_is_no_obstacle() -> None:
    catalog = SimpleNamespace(entries=(Entry(revision="one", load=lambda tree: Script(None)),))
    assert make_store().state(history_of(("initial", "one")), cast("Any", catalog)).applied == ("one",)
