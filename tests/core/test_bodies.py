"""A body is looked at before anything runs, whichever loader made it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trek_core import LoadError, Migrator, PluginContractError
from trek_core._bodies import _CONTROLS, _NO_WORDS, _may_begin, transaction_words
from trek_core.plugin import Body, Call, Loader, Script, Source, Sql, TrekHooks, decode, hookimpl
from trek_core.testing import MemoryDatabase, memory_backend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trek_core.plugin import Statement


def careless(make: Callable[[Source], Body]) -> tuple[str, TrekHooks]:
    """A plugin whose loader of `.raw` does what `make` does."""

    class Plugin(TrekHooks):
        @hookimpl
        def trek_register_loaders(self) -> list[Loader]:
            return [Loader("raw", (".raw",), lambda source: Script(make(source)))]

    return "raw", Plugin()


def one(statement: Statement, **fields: object) -> Callable[[Source], Body]:
    return lambda source: replace(Body((replace(statement, file=str(source.file)),)), **fields)


async def run(folder: Path, make: Callable[[Source], Body]) -> MemoryDatabase:
    (folder / "0001_a.raw").write_text("x")
    database = MemoryDatabase()
    await Migrator(memory_backend(database, plugins=[careless(make)]), folder).migrate()
    return database


@pytest.mark.parametrize(
    "text",
    [
        "COMMIT",
        "commit and chain",
        " -- done\nCOMMIT",
        "INSERT INTO t VALUES (1);\n/* so */ COMMIT",
        "ROLLBACK TO x",
        "end",
        f"SELECT 1;{' ' * 40}COMMIT",
    ],
)
async def test_a_statement_that_ends_the_transaction_is_refused_though_its_loader_did_not_see_it(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(LoadError, match=r"0001_a\.raw:7: .*: trek itself begins and ends the transaction") as refused:
        await run(tmp_path, one(Sql(text, line=7)))
    assert "mark the file no-transaction" in str(refused.value)


async def test_a_word_that_its_loader_found_is_enough(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="XYZZY: trek itself begins"):
        await run(tmp_path, one(Sql("FOO", controls_transaction="XYZZY")))


@pytest.mark.parametrize("mode", ["autocommit", "message"])
async def test_outside_a_transaction_a_file_may_have_its_own(tmp_path: Path, mode: str) -> None:
    assert "COMMIT" in (await run(tmp_path, one(Sql("COMMIT"), mode=mode))).ran


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'a; COMMIT'",
        "SELECT 1 AS commit -- ; COMMIT",
        "SELECT E'\\'; COMMIT; '",
        'CREATE TABLE "x; COMMIT" ()',
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN; COMMIT; END $f$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "COMMENT ON TABLE t IS 'begin'",
    ],
)
async def test_words_that_only_look_like_it_run(tmp_path: Path, text: str) -> None:
    assert text in (await run(tmp_path, one(Sql(text)))).ran


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda source: Body((Sql(b"SELECT 1"),)), r"Sql\.text: gave b'SELECT 1', want str"),
        (lambda source: Body((Sql("SELECT 1", file=source.file),)), r"Sql\.file: gave File\(.*, want str"),
        (lambda source: Body((Sql("SELECT 1", line="7"),)), r"Sql\.line: gave '7', want int"),
        (lambda source: Body((Call("upgrade", "a"),)), r"Call\.function: gave 'upgrade', want an async function"),
        (
            lambda source: Body((Sql("SELECT 1"),), "Transaction"),
            r"mode='Transaction'\), want one of 'transaction', 'aut",
        ),
        (
            lambda source: Body((Sql("SELECT 1"),), None, "2s"),
            r"Body\.lock_timeout: gave '2s', want int, float or None",
        ),
    ],
)
async def test_a_field_that_no_executor_could_carry_out_is_the_loader_s_fault(
    tmp_path: Path, make: Callable[[Source], Body], problem: str
) -> None:
    with pytest.raises(PluginContractError, match=rf"plugin 'raw': loader raw: loading .*0001_a\.raw.*{problem}"):
        await run(tmp_path, make)


async def test_what_a_right_loader_makes_runs(tmp_path: Path) -> None:
    made = await run(tmp_path, lambda source: Body((Sql(decode(source), str(source.file)),), "transaction", 2))
    assert made.ran == ["x"]


@given(
    st.lists(st.sampled_from(["BEGIN", "commit", "START  TRANSACTION", "ENDx", "x", ";", " ", "\n", "'"])).map("".join)
)
def test_what_a_glance_leaves_out_the_pattern_does_not_find(text: str) -> None:
    assert _may_begin(text) == bool(re.search(_CONTROLS, text))


PIECES = ["BEGIN", "commit", "START  TRANSACTION", "ENDx", "x", "select", "é", ";", " ", "\n", "--", "/*", "*/"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_what_is_soon_told_is_what_the_pattern_tells_of_the_whole_text(text: str) -> None:
    found = re.search(_CONTROLS, re.sub(_NO_WORDS, " ", text))
    assert transaction_words(text) == (" ".join(found[1].upper().split()) if found else "")
