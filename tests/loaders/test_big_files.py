"""A file that is too big to hold, in one pass: what is made of it is what is made of a small one, wherever it is cut."""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.fuzz_lexer import SOUP, Nasty
from trek_core._blame import Offer
from trek_core._tree import FolderTree
from trek_core.errors import LoadError
from trek_core.model import Body, Copy, Direction, File, Piece, Script, Source, Sql
from trek_core.testing import MemoryTree
from trek_loaders import native
from trek_loaders._big import load_big
from trek_loaders._big_files import BEGINNING, beginning, big_checksum
from trek_loaders._runs import is_begun, run_end
from trek_loaders._window import Window
from trek_loaders.sql import load, trek_register_loaders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSERT = "INSERT INTO t VALUES (1, 'it''s', -5);\n"
COPY = "copy t from stdin;\n1\tx\n\\.\n"
FILES = {
    "one": "select 1",
    "two": "select 1;\nselect 2;\n",
    "runs": INSERT * 3,
    "runs and statements": f"{INSERT}select 1;{INSERT}",
    "copy": f"{COPY}{INSERT}{COPY}",
    "copy without rows": "copy t from stdin;\n\\.\n",
    "copy at the end": "copy t from stdin;\n\\.",
    "copy without end": "copy t from stdin;\n1\n",
    "copy with almost an end": "copy t from stdin;\n1\n\\.x\n \\.\n\\.\n",
    "copy and a comment": "copy t from stdin -- c\n ; -- d\n-- trek: down\n\\.\r\nselect 1",
    "copy and more": "copy t from stdin; select 1;\n\\.\n",
    "outside": f"-- trek: no-transaction\n{INSERT * 2}create table x();\n{INSERT}vacuum;",
    "both ways": f"{INSERT}-- trek: down\nselect 1;",
    "a way up without semicolon": "select 1\n-- trek: down\nselect 2;\n",
    "an empty way back": "select 1;\n-- trek: down\n",
    "bom": f"\ufeff{INSERT}",
    "crlf": INSERT.replace("\n", "\r\n") * 3,
    "irreversible": f"-- trek: irreversible\n{INSERT}",
    "directives": f"-- trek: requires 1\n-- trek: lock-timeout 2s\n{INSERT}",
    "escapes": "insert into t values ('é', E'\\'x;');insert into t values ('a\\');select 1;",
    "semicolons": "insert into t values (';'), (\";\");delete from t where a = ';''';",
    "a semicolon within parentheses": "insert into t values (1;2);select 1;",
    "deep": f"insert into t values ({'(' * 9}1{')' * 9}); {INSERT}",
    "comments": "insert into t values (1) -- ;\n;insert into t values (1 /* ; */);",
    "dollars": "insert into t values ($$;$$);insert into t values ($a$ ' $a$);",
    "no minus": "insert into t values (1--;\n);insert into t values (-1, 1 - -1);",
    "settings": f"{INSERT}insert into t select set_config('a', 'b', false);{INSERT}",
    "settings in capitals": "INSERT INTO t SELECT SET_CONFIG('a', 'b', false);",
    "settings in a text": "insert into t values ('set_config');",
    "settings by update": 'update "pg_settings" set setting = 1;',
    "unlocks": f"{INSERT}insert into t select pg_advisory_unlock_all();",
    "pg_dump": f"--\n\\restrict abc\n{INSERT}\\unrestrict abc\n",
    "psql": f"{INSERT * 5}\\i x\n",
    "commit": f"{INSERT}commit;",
    "mixed": f"vacuum;{INSERT}",
    "large object": f"{INSERT}select pg_catalog.lo_create('1');",
    "open string": f"{INSERT}select 'x",
    "open parenthesis": f"{INSERT}select (",
    "nothing": "",
    "comments only": "-- c\n/* d */",
    "late": f"{INSERT}-- trek: irreversible\n",
    "no way up": f"-- trek: down\n{INSERT}",
    "down with more": f"{INSERT}-- trek: down x\n",
    "down twice": f"{INSERT}-- trek: down\nselect 1;\n-- trek: down\n",
    "down behind": f"{INSERT}select 1; -- trek: down\n",
    "contradiction": "select 1;\n-- trek: down\n-- trek: irreversible\nselect 2;",
    "contradiction above": "-- trek: irreversible\nselect 1;\n-- trek: down\nselect 2;",
    "requires below": "select 1;\n-- trek: down\n-- trek: requires 1\nselect 2;",
    "empty statements": f";;;{INSERT};;",
    "a routine": f"create function f() begin atomic select 1; end;{INSERT}",
    "a long comment": f"/* {'x' * 200};*/ {INSERT}",
    "one line": INSERT.replace("\n", "") * 5 + "select é;",
}
BROKEN = {
    "bytes": b"select 1;\nselect '\xff';",
    "nul": b"select 1;\nselect '\0';",
    "cut": INSERT.encode() * 3 + b"\xc3",
}
LOADERS = tuple(trek_register_loaders())
CHUNKS = (1, 7, 64, 1000)


def singly(body: Body) -> Iterator[object]:
    for statement in body.statements:
        if isinstance(statement, Piece):
            assert isinstance(statement.read(), str)
            yield from (facts(one) for one in statement.split())
        else:
            assert isinstance(statement, Sql | Copy)
            yield facts(statement)


def facts(of: Sql | Copy) -> object:
    """What must be the same; offsets count bytes here, and there characters."""
    if isinstance(of, Copy):
        return (of.text, b"".join(of.chunks()), of.file, of.line, of.column, of.data_line)
    return (of.text, of.file, of.line, of.column, of.refuses_block, of.controls_transaction, of.changes_settings)


def outline(body: Body | None) -> object:
    return body and (body.mode, body.lock_timeout, body.statement_timeout, list(singly(body)))


def outcome(make: Callable[[], Script]) -> object:
    try:
        script = make()
    except LoadError as error:
        return str(error)
    return (script.irreversible, outline(script.up), outline(script.down))


def compare(content: bytes, chunk: int, piece: int, way: Direction | None = None, *, mistakes: bool = False) -> None:
    """mistakes: there may be several, and which of them is named may differ."""
    source = Source(File("1_a.sql", "migrations"), content, way)
    small, big = outcome(lambda: load(source)), outcome(lambda: load_big(source, chunk, piece))
    assert small == big or (mistakes and isinstance(small, str) and isinstance(big, str))


@pytest.mark.parametrize("way", [None, Direction.up, Direction.down])
@pytest.mark.parametrize("name", [*FILES, *BROKEN])
def test_wherever_it_is_cut_a_big_file_is_what_a_small_one_is(name: str, way: Direction | None):
    content = BROKEN[name] if name in BROKEN else FILES[name].encode()
    for chunk in CHUNKS:
        for piece in (1, 60, 1 << 19):
            compare(content, chunk, piece, way, mistakes=way is not None)


LINES = st.sampled_from([INSERT, COPY, *(text for text in FILES.values() if len(text) < 100)])


DOWN = "-- trek: down\n"


@settings(max_examples=150)
@given(
    st.lists(LINES, max_size=6), st.integers(0, 2**32), st.sampled_from((1, 3, 17, 200)), st.sampled_from((1, 99, 9999))
)
def test_nasty_scripts_are_the_same_by_both_ways(lines: list[str], seed: int, chunk: int, piece: int):
    nasty = Nasty(random.Random(seed))
    text = "".join(line + nasty.script() for line in lines) or nasty.script()
    compare(text.encode(), chunk, piece, mistakes=True)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([*SOUP, "insert into ", "DELETE FROM t ", "UPDATE ", ";\n", ");", DOWN]), max_size=40),
    st.sampled_from((1, 5, 40)),
)
def test_soups_of_fragments_are_the_same_by_both_ways(parts: list[str], chunk: int):
    compare("".join(parts).encode(errors="surrogatepass"), chunk, 20, mistakes=True)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*SOUP, "insert into t values", "set_config", "(1)", "'a'"]), max_size=30))
def test_the_pattern_ends_where_the_splitter_ends_a_statement(parts: list[str]):
    text = "insert into t " + "".join(parts) + ";"
    end = run_end(text.encode(), 0)
    if not end:
        return
    whole = load(Source(File("a.sql"), text.encode()[:end])).up
    assert whole is not None
    assert text.encode()[end - 1 : end] == b";"
    assert all(isinstance(one, Sql) for one in whole.statements)
    compare(text.encode()[:end], 1 << 10, 1)


@pytest.mark.parametrize("end", range(1, len(INSERT) - 1))
def test_every_beginning_of_a_plain_statement_asks_for_more(end: int):
    assert end < len("INSERT ") or is_begun(INSERT.encode()[:end], 0)


def test_pieces_know_their_lines_and_the_statements_in_them():
    source = Source(File("1_a.sql"), (INSERT * 100 + "\n\n" + COPY + INSERT * 10).encode())
    up = load_big(source, 500, 1000).up
    assert up is not None
    pieces = [one for one in up.statements if isinstance(one, Piece)]
    assert len(pieces) > 3
    assert [piece.line for piece in pieces[1:]] == [piece.last_line + 1 for piece in pieces[:-2]] + [106]
    for piece in pieces:
        text, parts = piece.read(), piece.split()
        assert piece.whole().text == text
        assert parts[-1].line == piece.last_line
        assert all(text[part.offset :].startswith(part.text) for part in parts)
        assert not text.endswith(";")


def test_a_flag_of_a_statement_is_one_of_its_piece():
    source = Source(File("1_a.sql"), f"{INSERT}set work_mem = '1MB';\n{INSERT}".encode())
    up = load_big(source).up
    assert up is not None
    assert [one.changes_settings for one in up.statements if isinstance(one, Piece)] == [True]


def test_outside_a_transaction_only_what_changes_rows_goes_together():
    text = f"-- trek: no-transaction\n{INSERT}{INSERT}create table x();\nselect 1;\n{INSERT}"
    up = load_big(Source(File("1_a.sql"), text.encode())).up
    assert up is not None
    assert [type(one) for one in up.statements] == [Piece, Sql, Sql, Piece]


# --------------------------------------------------------------------------- what a layout asks
class BigTree(MemoryTree):
    """Every file is big."""

    def big(self, file: File) -> bool:
        return True


LONG = "x" * (1 << 19)


@pytest.mark.parametrize(
    "text", [INSERT, f"\ufeff{INSERT}", "a\r\nb\r\r\nc\r", "\r" * 10, f"{LONG}\r\n", LONG[1:] + "\r\n" * 9, ""]
)
def test_the_checksum_is_that_of_a_small_file(text: str):
    small, big = MemoryTree({"1_a.sql": text}, LOADERS), BigTree({"1_a.sql": text}, LOADERS)
    (entry,) = native.arrange(small).entries
    assert entry.checksums(small) == (big_checksum(big, big.files[0]),)
    (entry,) = native.arrange(big).entries
    assert entry.checksums(small) == entry.checksums(big)


@settings(max_examples=200)
@given(
    st.sampled_from(("", "\ufeff")),
    st.lists(st.sampled_from(("\r", "\n", "\r\n", "a", "ü" * 9, "\ufeff")), max_size=30).map("".join),
    st.sampled_from((1, 2, 3, 7, 1000)),
)
def test_the_checksum_made_while_a_file_is_read_is_that_of_a_small_one(bom: str, text: str, chunk: int):
    content = (bom + text).encode()
    window = Window(io.BytesIO(content), File("1_a.sql"), chunk)
    while window.need(window.end + 1):
        window.line(window.end)
        window.forget(window.end)
    (entry,) = native.arrange(MemoryTree({"1_a.sql": content}, LOADERS)).entries
    assert (window.checksum(),) == entry.checksums(MemoryTree({"1_a.sql": content}, LOADERS))


def test_a_file_that_changed_since_it_was_loaded_has_another_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same length, and the same time: what is known of a file is more than that."""
    monkeypatch.setattr("trek_core._big.BIG", 100_000)
    path = tmp_path / "1_a.sql"
    path.write_text(INSERT * 5000)
    (entry,) = native.arrange(tree := folder_tree(tmp_path)).entries
    entry.load(tree)
    state = path.stat()
    path.write_text(INSERT.replace("it", "at") * 5000)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert entry.checksums(tree) == entry.checksums(folder_tree(tmp_path))
    assert entry.checksums(tree) == (hashlib.sha256(path.read_bytes()).hexdigest(),)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="reads in /proc what was read")
def test_a_file_is_read_once_for_its_script_and_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "1_a.sql"
    path.write_text("COPY t FROM stdin;\n" + "1\tx\n" * 2_000_000 + "\\.\n" + INSERT * 50_000)
    (entry,) = native.arrange(tree := folder_tree(tmp_path)).entries
    before = bytes_read()
    entry.load(tree)
    assert entry.checksums(tree) == (hashlib.sha256(path.read_bytes()).hexdigest(),)
    assert bytes_read() - before < 2.2 * path.stat().st_size  # once by the test itself


def test_directives_are_found_behind_however_many_comments():
    text = "-- long\n" * BEGINNING + "-- trek: requires 1\nselect 1;\n" + INSERT
    tree = BigTree({"1_a.sql": "select 1", "2_b.sql": text, "10_c.sql": "select 1"}, LOADERS)
    assert {entry.revision: entry.parents for entry in native.arrange(tree).entries}["2"] == ("1",)
    assert beginning(tree, tree.files[2]).count(b"\n") > BEGINNING


def folder_tree(folder: Path) -> FolderTree:
    return FolderTree(folder, lambda suffix: Offer(LOADERS[0], "trek"))


def bytes_read() -> int:
    return int(re.findall(r"rchar: (\d+)", Path("/proc/self/io").read_text())[0])


def test_another_tools_marks_are_seen_at_the_top():
    assert "goose" in (native.smells(BigTree({"1_a.sql": f"-- +goose Up\n{INSERT}"}, LOADERS)) or "")
