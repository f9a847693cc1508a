"""`trek_core.check`: a folder looked at without a database. Each finding is named, says where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.memory_place import Place
from trek_core import Checked, ConfigError, check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UP = "SELECT 1;\n"
BOTH = "SELECT 1;\n-- trek: down\nSELECT 2;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "m"
    made.mkdir()
    return made


def looked_at(folder: Path, files: Mapping[str, str], **options: object) -> list[tuple[str, str, str, int | None]]:
    """Level, name, file and line of what is found."""
    return [shown(folder, one) for one in checked(folder, files, **options).findings]


def checked(folder: Path, files: Mapping[str, str], **options: object) -> Checked:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    found = check(folder, **options)  # type: ignore[arg-type]
    assert all(one.message and one.advice for one in found.findings)
    return found


def shown(folder: Path, one: object) -> tuple[str, str, str, int | None]:
    path = one.path.removeprefix(f"{folder}").removeprefix("/")  # type: ignore[attr-defined]
    return one.level, one.name, path, one.line  # type: ignore[attr-defined]


def test_a_folder_in_order_has_its_revisions_one_head_and_nothing_found(folder: Path) -> None:
    found = checked(folder, {"0001_a.sql": UP, "0002_b.sql": UP, "0003_c.py": "async def upgrade(connection): ...\n"})
    assert found
    assert (found.revisions, found.heads, found.findings) == (("0001", "0002", "0003"), ("0003",), ())


def test_every_file_that_cannot_be_loaded_is_found_with_its_line(folder: Path) -> None:
    files = {
        "0001_a.sql": UP,
        "0002_b.sql": "SELECT 1;\nSELECT 'open;\n",
        "0003_c.py": "def upgrade(connection): ...\n",
        "0004_d.sql": "BEGIN;\nSELECT 1;\nCOMMIT;\n",
    }
    wrong = (("0002_b.sql", 2), ("0003_c.py", 1), ("0004_d.sql", 1))
    assert looked_at(folder, files) == [("error", "bad-file", name, line) for name, line in wrong]


def test_every_name_that_cannot_be_arranged_is_found_not_only_the_first(folder: Path) -> None:
    files = {
        "0001_a.sql": UP,
        "0002_b.toml": "x",
        "users.sql": UP,
        "0003_c.down.sql": UP,
        "0004_d.sql": "-- trek: dwn\n",
    }
    wrong = {("0002_b.toml", None), ("users.sql", None), ("0003_c.down.sql", None), ("0004_d.sql", 1)}
    found = looked_at(folder, files)
    assert {(name, line) for _, _, name, line in found} == wrong
    assert {(level, name) for level, name, *_ in found} == {("error", "bad-file")}
    assert len(found) == len(wrong)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("duplicate", {"0001_a.sql": UP, "1_b.sql": UP}),
        ("cycle", {"0001_a.sql": "-- trek: requires 0002\n" + UP, "0002_b.sql": "-- trek: requires 0001\n" + UP}),
        ("unknown-revision", {"0001_a.sql": "-- trek: requires 0007\n" + UP}),
        ("unknown-revision", {"0001_a.sql": UP, "0009_s.sql": "-- trek: replaces 0001..0008\n" + UP}),
        ("wrong-format", {"0001_a.sql": "-- +goose Up\n" + UP}),
    ],
)
def test_what_has_no_order_is_an_error(folder: Path, name: str, files: dict[str, str]) -> None:
    found = checked(folder, files)
    assert not found
    assert [(one.level, one.name) for one in found.findings] == [("error", name)]
    assert found.revisions == found.heads == ()


def test_several_heads_are_a_warning_and_the_pages_four_revisions_are_one(folder: Path) -> None:
    four = {
        "0001_a.sql": UP,
        "0002_b.sql": "-- trek: requires 0001\n" + UP,
        "0003_c.sql": "-- trek: requires 0001\n" + UP,
    }
    found = checked(folder, four)
    assert found.heads == ("0002", "0003")
    assert [(one.level, one.name, one.revisions) for one in found.findings] == [
        ("warning", "several-heads", ("0002", "0003"))
    ]
    found = checked(folder, {"0004_d.sql": "-- trek: requires 0002 0003\n" + UP})
    assert (found.heads, found.findings) == (("0004",), ())


def test_a_squash_beside_its_originals_makes_no_second_head_and_half_of_them_deleted_are_told(folder: Path) -> None:
    files = {f"000{n}_a.sql": UP for n in range(1, 4)} | {"0004_s.sql": "-- trek: replaces 0001 0002 0003\n" + UP}
    assert checked(folder, files).heads == ("0004",)
    found = checked(folder, {"0005_more.sql": UP})
    assert (found.heads, found.findings) == (("0005",), ())
    (folder / "0002_a.sql").unlink()
    assert looked_at(folder, {}) == [("warning", "half-deleted", "0004_s.sql", None)]
    for gone in ("0001_a.sql", "0003_a.sql"):
        (folder / gone).unlink()
    assert looked_at(folder, {}) == []


@pytest.mark.parametrize(
    ("revisions", "gaps"),
    [
        (("0001", "0002", "0004"), ["there is no 0003 between 0002 and 0004"]),
        (("0001", "0002", "0003", "0010"), ["there is no 0004 to 0009 between 0003 and 0010"]),
        (("0010", "0020", "0030"), []),
        (("20240101120000", "20240102120000"), []),
        (("1", "2", "v3"), []),
        (("0005", "0006"), []),
    ],
)
def test_gaps_are_of_numbers_that_are_counted_up(folder: Path, revisions: tuple[str, ...], gaps: list[str]) -> None:
    found = checked(folder, {f"{revision}_a.sql": UP for revision in revisions})
    assert [one.message for one in found.findings] == gaps
    assert {(one.level, one.name) for one in found.findings} <= {("warning", "gap")}


def test_a_way_down_is_missed_where_others_have_one_or_where_it_is_asked_for(folder: Path) -> None:
    files = {"0001_a.sql": UP, "0002_b.sql": "-- trek: irreversible\n" + UP}
    assert looked_at(folder, files) == []
    assert looked_at(folder, files, reversible=True) == [("error", "no-way-down", "0001_a.sql", None)]
    assert looked_at(folder, {"0003_c.sql": BOTH}) == [("warning", "no-way-down", "0001_a.sql", None)]
    assert looked_at(folder, {"0001_a.down.sql": UP}, reversible=True) == []


def test_what_no_loader_takes_is_a_note_and_a_readme_is_none(folder: Path) -> None:
    files = {"0001_a.sql": UP, "README.md": "x", "notes.txt": "x", "__init__.py": ""}
    found = checked(folder, files)
    assert found
    assert [shown(folder, one) for one in found.findings] == [("note", "ignored", "notes.txt", None)]


def test_an_empty_folder_is_a_warning_and_none_a_config_error(folder: Path) -> None:
    assert looked_at(folder, {}) == [("warning", "empty", "", None)]
    with pytest.raises(ConfigError, match="no folder"):
        check(folder / "none")


def test_errors_come_first(folder: Path) -> None:
    found = looked_at(folder, {"0001_a.sql": BOTH, "0003_b.sql": UP, "0004_c.sql": "SELECT 'x", "notes.txt": ""})
    assert [level for level, *_ in found] == ["error", "warning", "warning", "note"]


def test_a_migrator_checks_its_own_folder_by_its_own_format(folder: Path) -> None:
    place = Place(folder).write({"0001_a.sql": "up 1;", "0002_b.sql": "up 2;", "0004_c.sql": "up 4;"})
    assert [one.name for one in place.migrator().check().findings] == ["gap"]
    assert [one.name for one in place.migrator().check(reversible=True).errors] == ["no-way-down"] * 3


def test_another_format_by_its_name(folder: Path) -> None:
    up = "-- +goose Up\nSELECT 1;\n"
    found = checked(folder, {f"0000{n}_a.sql": up for n in (1, 2, 4)}, format="goose")
    assert (found.revisions, [one.name for one in found.findings]) == (("1", "2", "4"), ["gap"])


def test_several_folders_have_heads_and_gaps_of_their_own(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "0007_o.sql").write_text(UP)
    for n in (1, 2, 3):
        (folder / f"000{n}_a.sql").write_text(UP)
    found = check([folder, other])
    assert (found.heads, found.findings) == (("0003", "0007"), ())
    (other / "0008_p.sql").write_text(f"-- trek: requires 0003\n{UP}")
    (found,) = check([folder, other]).findings
    assert (found.name, found.path, found.revisions) == ("several-heads", str(other), ("0007", "0008"))
