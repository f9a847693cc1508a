from __future__ import annotations

import pytest

from tests.core.planning import catalog, chain, entry, numbers
from trek_core._catalog import build
from trek_core.contracts import Catalog
from trek_core.errors import Cycle, Duplicate, UnknownRevision
from trek_core.model import Arrangement, File


def test_entries_keep_the_layouts_order():
    entries = (entry("b"), entry("c", "b"), entry("a"))
    assert catalog(*entries).entries == entries


def test_nothing_gives_an_empty_catalog():
    empty: Catalog = build(Arrangement(()))
    assert empty.entries == ()
    assert empty.get("0001") is None


def test_an_entry_is_found_by_revision_and_by_alias():
    known = catalog(entry("0001", aliases=("users", "v1")))
    assert known.get("0001") is known.get("users") is known.get("v1") is known.entries[0]
    assert known.get("v2") is None


def test_a_parent_named_by_its_alias_is_resolved():
    known = catalog(entry("0001", aliases=("users",)), entry("0002", "users", "0001"))
    assert known.parents["0002"] == ("0001",)


def test_two_files_for_one_revision_are_refused_with_both_names():
    first, second = (entry("0003", files=(File(name, "migrations"),)) for name in ("0003_a.sql", "0003_b.sql"))
    with pytest.raises(Duplicate) as raised:
        catalog(first, second)
    assert str(raised.value) == (
        "two migrations are called 0003: migrations/0003_a.sql and migrations/0003_b.sql.\n"
        "Give one of them a revision of its own, or delete it."
    )
    assert raised.value.revisions == ("0003",)


@pytest.mark.parametrize("second", [entry("0002", aliases=("v1",)), entry("v1"), entry("0002", aliases=("0001",))])
def test_an_alias_that_somebody_else_has_is_refused(second):
    with pytest.raises(Duplicate, match=r"migrations/0001_title\.sql and migrations/"):
        catalog(entry("0001", aliases=("v1",)), second)


def test_a_parent_that_nobody_has_is_refused_with_the_file_and_the_nearest_names():
    with pytest.raises(UnknownRevision) as raised:
        catalog(*chain(*numbers(1, 2)), entry("0003", "0020"))
    assert str(raised.value) == (
        "migrations/0003_title.sql: 0003 requires 0020, but none of the 3 migrations has that revision. "
        "Nearest: 0002, 0001.\n"
        "Correct the name, or add the file."
    )
    assert raised.value.revisions == ("0003", "0020")


def test_a_cycle_is_printed_with_its_files():
    with pytest.raises(Cycle) as raised:
        catalog(entry("0001"), entry("0003", "0001", "0005"), entry("0004", "0003"), entry("0005", "0003"))
    message = str(raised.value)
    assert "0003 → 0005 → 0003" in message
    assert "0003: migrations/0003_title.sql\n  0005: migrations/0005_title.sql" in message
    assert "0004" not in message
    assert raised.value.revisions == ("0003", "0005", "0003")


def test_a_revision_that_requires_itself_is_a_cycle():
    with pytest.raises(Cycle, match="0001 → 0001"):
        catalog(entry("0001", "0001"))


def test_parents_may_come_later_in_the_layouts_order():
    assert catalog(entry("0002", "0001"), entry("0001")).parents["0002"] == ("0001",)


def test_ten_thousand_entries_in_a_chain_are_no_matter_of_recursion():
    names = numbers(1, 9999)
    assert len(catalog(*chain(*names)).entries) == 9999
    assert len(catalog(*reversed(chain(*names))).entries) == 9999
    with pytest.raises(Cycle) as raised:
        catalog(entry("0001", "9999"), *chain(*names)[1:])
    assert len(raised.value.revisions) == 10_000


def test_a_parent_without_a_file_is_satisfied_by_the_squash_that_replaces_it():
    known = catalog(entry("0010", replaces=("0001", "0002")), entry("0011", "0002"))
    assert known.parents["0011"] == ("0002",)
    assert known.owners["0002"] == "0010"


def test_a_squash_may_follow_its_own_originals():
    known = catalog(*chain(*numbers(1, 2)), entry("0003", "0002", replaces=("0001", "0002")))
    assert known.owners == {"0001": "0003", "0002": "0003"}


def test_a_cycle_through_a_squash_is_found():
    with pytest.raises(Cycle, match="0010 → 0011 → 0010"):
        catalog(entry("0010", "0011", replaces=("0001",)), entry("0011", "0001"))


def test_nested_squashes_know_the_innermost():
    originals = ("0001", "0002")
    for squashes in (
        [entry("0003", replaces=originals), entry("0004", replaces=("0003", *originals))],
        [entry("0004", replaces=("0003", *originals)), entry("0003", replaces=originals)],
    ):
        known = catalog(*squashes)
        assert known.owners == {"0001": "0003", "0002": "0003", "0003": "0004"}
        assert list(known.replaced) == ["0004", "0003"]


def test_two_squashes_that_replace_the_same_revision_are_refused():
    with pytest.raises(Duplicate, match=r"0002 is replaced twice: by 0010 \(migrations/0010_title\.sql\) and by 0011"):
        catalog(entry("0010", replaces=("0001", "0002")), entry("0011", replaces=("0002", "0003")))


def test_squashes_that_replace_one_another_are_a_cycle():
    with pytest.raises(Cycle, match="each is replaced by the next: 0001 → 0002 → 0001"):
        catalog(entry("0001", replaces=("0002",)), entry("0002", replaces=("0001",)))
