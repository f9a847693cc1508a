from __future__ import annotations

import pytest

from tests.core.planning import catalog, chain, entry, row, state
from trek_core._status import status
from trek_core.model import State
from trek_core.plans import Status

THREE = chain("0001", "0002", "0003")


def stand(entries, at: State, edited=(), exists=True) -> Status:
    found = dict.fromkeys(edited, "feedfacecafe")
    asked = lambda pairs: {entry.revision: found[entry.revision] for entry, _ in pairs if entry.revision in found}  # noqa: E731
    return status(catalog(*entries), at, asked, "shop", "public.trek_history", exists)


def states(answer: Status) -> list[tuple[str, str]]:
    return [(revision.revision, revision.state) for revision in answer.revisions]


def test_every_revision_has_its_state_in_the_layouts_order():
    entries = [entry("0003"), entry("0001"), entry("0002", skip="only for MySQL")]
    answer = stand(entries, state("0001"))
    assert states(answer) == [("0003", "pending"), ("0001", "applied"), ("0002", "skipped")]


def test_names_titles_and_rows_are_handed_on():
    answer = stand([entry("0001", title="users"), entry("0002")], state("0001"))
    assert (answer.database, answer.history) == ("shop", "public.trek_history")
    assert [revision.title for revision in answer.revisions] == ["users", ""]
    assert [revision.row for revision in answer.revisions] == [row("0001"), None]


def test_missing_ones_come_last_in_the_order_of_application():
    answer = stand(THREE[:1], state("0009", "0001", "0005"))
    assert states(answer) == [("0001", "applied"), ("0009", "missing"), ("0005", "missing")]
    assert answer.revisions[1].row == row("0009")
    assert answer.state == "ahead"


def test_an_edited_one_is_changed():
    answer = stand(THREE, state("0001", "0002", "0003"), edited=["0002"])
    assert states(answer) == [("0001", "applied"), ("0002", "changed"), ("0003", "applied")]
    assert answer.state == "changed"


def test_an_edited_one_that_runs_again_is_pending():
    answer = stand([entry("views", rerun="changed")], state("views"), edited=["views"])
    assert states(answer) == [("views", "pending")]


def test_an_edited_one_that_always_runs_is_applied():
    assert states(stand([entry("grants", rerun="always")], state("grants"), edited=["grants"])) == [
        ("grants", "applied")
    ]


def test_what_leaves_no_trace_is_skipped():
    assert states(stand([entry("after", recorded=False)], state())) == [("after", "skipped")]


def test_an_unfinished_one_shows_the_row_that_began_it():
    begun = row("0002", state="started")
    answer = stand(THREE, state("0001", unfinished=[begun]))
    assert states(answer) == [("0001", "applied"), ("0002", "unfinished"), ("0003", "pending")]
    assert answer.revisions[1].row is begun


def test_an_unfinished_one_without_a_file_is_shown_too():
    answer = stand(THREE[:1], state("0001", unfinished=[row("0009", title="gone")]))
    assert states(answer) == [("0001", "applied"), ("0009", "unfinished")]
    assert answer.revisions[1].title == "gone"
    again = stand(THREE[:1], state("0001", "0009", unfinished=[row("0009")]))
    assert states(again) == [("0001", "applied"), ("0009", "unfinished")]


# ------------------------------------------------------------------ squashes
SQUASHED = [*chain("0001", "0002"), entry("0003", "0002", replaces=("0001", "0002"))]


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ((), ["replaced", "replaced", "pending"]),
        (("0001",), ["applied", "pending", "replaced"]),
        (("0001", "0002"), ["applied", "applied", "applied"]),
        (("0003",), ["replaced", "replaced", "applied"]),
    ],
)
def test_a_squash_and_its_originals_never_count_twice(applied, expected):
    assert [found for _, found in states(stand(SQUASHED, state(*applied)))] == expected


def test_originals_without_files_are_not_missing():
    answer = stand(SQUASHED[2:], state("0001", "0002"))
    assert states(answer) == [("0003", "applied")]
    assert answer.state == "current"


def test_an_applied_original_without_a_file_is_shown_as_applied():
    answer = stand(SQUASHED[1:], state("0001"))
    assert states(answer) == [("0002", "pending"), ("0003", "replaced"), ("0001", "applied")]
    assert answer.revisions[2].row == row("0001")


def test_a_squash_that_cannot_be_finished_is_pending_work():
    answer = stand(SQUASHED[2:], state("0001"))
    assert states(answer) == [("0003", "replaced"), ("0001", "applied"), ("0002", "pending")]
    assert answer.state == "pending"


# ------------------------------------------------------------------ the whole
@pytest.mark.parametrize(
    ("at", "edited", "expected"),
    [
        (state("0001", "0002", "0003"), (), "current"),
        (state("0001"), (), "pending"),
        (state("0001", "0009"), (), "ahead"),
        (state("0001", "0009"), ("0001",), "changed"),
        (state("0001", "0009", unfinished=[row("0002")]), ("0001",), "unfinished"),
    ],
)
def test_the_whole_is_as_bad_as_the_worst_of_its_parts(at, edited, expected):
    assert stand(THREE, at, edited).state == expected


def test_without_a_history_table_the_database_is_uninitialised():
    assert stand(THREE, state(), exists=False).state == "uninitialised"
    assert stand([], state(), exists=False).state == "uninitialised"
    assert stand([], state()).state == "current"
