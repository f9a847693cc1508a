"""The tables of the page on targets, row by row, on a real database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import blocks, read
from trek_asyncpg import AsyncpgBackend
from trek_core import Direction, Migrator, Rules, TrekError
from trek_core.plans import Report

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.docs.conftest import Reader

PAGE = "docs/targets.md"
BODY = "SELECT 1;\n-- trek: down\nSELECT 2;\n"
ORIGINALS = ("0001_users.sql", "0002_email.sql", "0003_orders.sql")


def table(heading: str) -> list[list[str]]:
    """The cells of the table whose heading begins with those words, without backquotes."""
    (rows,) = re.findall(rf"^\| {re.escape(heading)}.*\n\|[-|]+\n((?:\|.*\n)+)", read(PAGE), re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows.splitlines()]


GRAPH = table("applied | target")
STAMPS = table("applied | `trek stamp`")
SQUASH = table("the database | target")


def folder(number: int) -> dict[str, str]:
    """The files of the page's n-th listing, with the directives that stand beside their names."""
    listed = blocks("", PAGE)[number - 1].text
    found = re.findall(r"^  (\S+\.sql) *(-- trek: .*)?$", listed, re.MULTILINE)
    assert len(found) == listed.count("\n") - 1
    return {name: f"{directive}\n{BODY}" for name, directive in found}


async def said(running: Awaitable[Report]) -> str:
    """What ran, in the page's words."""
    try:
        report = await running
    except TrekError as error:
        return type(error).__name__
    verbs = {ran.verb for ran in report.ran}
    assert len(verbs) <= 1, "a row of the page has one verb"
    return " ".join([*verbs, *(ran.revision for ran in report.ran)]) or "nothing"


def migrator(reader: Reader) -> Migrator:
    return Migrator(AsyncpgBackend(reader.connection))


async def has_applied(reader: Reader, revisions: str) -> None:
    """Each by itself: in a graph the last one does not bring all of them."""
    for revision in revisions.split():
        if revision != "nothing":
            await migrator(reader).migrate(revision)
    applied = [one.revision for one in (await migrator(reader).status()).applied]
    assert applied == revisions.replace("nothing", "").split()


@pytest.mark.parametrize("way", [None, Direction.up, Direction.down], ids=["left-out", "up", "down"])
@pytest.mark.parametrize("row", GRAPH, ids=lambda row: f"{row[0]}-to-{row[1]}")
async def test_four_revisions_go_the_way_that_the_page_says(
    reader: Reader, row: list[str], way: Direction | None
) -> None:
    applied, target, *ways = row
    reader.has(folder(1))
    await has_applied(reader, applied)
    assert await said(migrator(reader).migrate(target, way)) == ways[[None, Direction.up, Direction.down].index(way)]


async def test_after_is_the_order_of_the_revisions_and_not_of_the_days(reader: Reader) -> None:
    """0002 was applied last, and going to it reverts 0003 all the same."""
    reader.has(folder(1))
    await has_applied(reader, "0001 0003")
    lenient = Migrator(AsyncpgBackend(reader.connection), rules=Rules(out_of_order="allow"))
    assert await said(lenient.migrate("0002")) == "apply 0002"
    assert await said(migrator(reader).migrate("0002")) == "revert 0003"


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("1", "revert 0002"),
        ("000", "UnknownRevision"),
        ("7", "UnknownRevision"),
        ("initial", "revert 0002 0001"),
        ("-2", "revert 0002 0001"),
        ("-3", "PlanError"),
        ("+3", "PlanError"),
    ],
)
async def test_a_word_means_what_the_page_says(reader: Reader, target: str, outcome: str) -> None:
    reader.has(folder(1))
    await has_applied(reader, "0001 0002")
    assert await said(migrator(reader).migrate(target)) == outcome


@pytest.mark.parametrize("row", STAMPS, ids=lambda row: f"{row[0]}-stamp-{row[1]}")
async def test_a_stamp_writes_what_the_page_says(reader: Reader, row: list[str]) -> None:
    applied, target, outcome = row
    reader.has(folder(1))
    await has_applied(reader, applied)
    assert await said(migrator(reader).stamp(target)) == outcome


async def test_a_repair_touches_one_revision_only(reader: Reader) -> None:
    reader.has(folder(1))
    await has_applied(reader, "0001 0002 0003 0004")
    assert await said(migrator(reader).repair("0001", applied=False)) == "unmark 0001"
    assert [one.revision for one in (await migrator(reader).status()).applied] == ["0002", "0003", "0004"]


@pytest.mark.parametrize("deleted", [False, True], ids=["originals", "deleted"])
@pytest.mark.parametrize("row", SQUASH, ids=lambda row: f"{row[0]}-to-{row[1]}")
async def test_a_squash_lives_as_the_page_says(reader: Reader, row: list[str], deleted: bool) -> None:
    database, target, *outcomes = row
    files = folder(2)
    originals = {name: files[name] for name in ORIGINALS}
    reader.has(files if database.startswith("made") else originals)
    if database != "new":
        await migrator(reader).migrate(database.split()[-1])
    reader.has(files)
    for name in ORIGINALS if deleted else ():
        (reader.folder / "migrations" / name).unlink()
    assert await said(migrator(reader).migrate(target)) == outcomes[deleted]


async def test_a_range_needs_the_files_of_its_ends(reader: Reader) -> None:
    reader.has({**folder(2), "0004_all.sql": f"-- trek: replaces 0001..0003\n{BODY}"})
    assert await said(migrator(reader).migrate("0004")) == "apply 0004"
    (reader.folder / "migrations" / ORIGINALS[0]).unlink()
    assert await said(migrator(reader).migrate()) == "UnknownRevision"
