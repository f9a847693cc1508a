"""Each test of the loaders' kit can fail: a broken loader fails exactly that one."""

from __future__ import annotations

import ast
import zlib
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.kits import diagonal
from tests.kits.broken_loaders import ALSO, BAD_SQL, DIAGONAL, GOOD_PYTHON, GOOD_SQL
from trek_core.plugin import Loader, LoadError, Script, Source
from trek_core.testing import LoaderCase, LoaderSuite
from trek_loaders import python, sql

NOSY = """
from trek_core.plugin import Body, Loader, Script, Sql, hookimpl

def load(source):
    text = open(source.file.path).read()
    return Script(Body((Sql(text, str(source.file)),)))

LOADER = Loader("nosy", (".nosy",), load)

@hookimpl
def trek_register_loaders():
    return [LOADER]
"""


def test_there_is_a_broken_loader_for_each_test():
    assert set(DIAGONAL) == set(LoaderSuite.kit_tests())


@pytest.mark.parametrize(("name", "broken"), DIAGONAL.items(), ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_loader_fails_its_test_and_no_other(name: str, broken: type[LoaderSuite]):
    assert diagonal.failing(broken) == {name}


@pytest.mark.parametrize(("name", "broken"), ALSO, ids=lambda value: getattr(value, "__name__", None))
def test_other_ways_to_break_a_promise_fail_its_test_too(name: str, broken: type[LoaderSuite]):
    assert diagonal.failing(broken) == {name}


def unpack(source: Source) -> Script:
    try:
        return sql.load(replace(source, content=zlib.decompress(source.content)))
    except zlib.error as error:
        raise LoadError(str(source.file), None, "it is not packed") from error


def test_a_loader_of_a_binary_format_passes_when_it_says_so():
    class TestPacked(LoaderSuite):
        __test__: ClassVar = False
        without: ClassVar = {"text": "the files are packed; lines are those of the text within"}

        def case(self) -> LoaderCase:
            good = {f"{name}.z": zlib.compress(text.encode()) for name, text in GOOD_SQL.items()}
            return LoaderCase(Loader("packed", (".z",), unpack), good, {"3.z": b"plain"})

    assert diagonal.failing(TestPacked) == set()
    TestPacked.without = {}
    assert "test_l11_a_bom_and_crlf_change_nothing" in diagonal.failing(TestPacked)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `trek-nosy 0.3` with the plugin `nosy`."""
    (tmp_path / "nosy_loader.py").write_text(NOSY)
    info = tmp_path / "trek_nosy-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trek-nosy\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[trek]\nnosy = nosy_loader\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_loader_that_reads_the_disk_is_told_its_plugin_what_it_opened_and_what_to_do(installed: Path):
    import nosy_loader

    class TestNosy(LoaderSuite):
        def case(self) -> LoaderCase:
            return LoaderCase(nosy_loader.LOADER, {"1.nosy": "SELECT 1"}, {"2.nosy": ""})

    told = diagonal.run(TestNosy)["test_l3_loading_does_no_io"]
    assert "the loader 'nosy' of plugin 'nosy' (trek-nosy 0.3) did I/O while it loaded 1.nosy" in told
    assert "it opened '1.nosy' (nosy_loader, line 5)" in told
    assert "Make the script of source.content alone" in told
    assert "The contract, L3: `load` does no I/O" in told


def test_the_import_of_a_module_is_no_io(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "late_helper.py").write_text("import os\nos.listdir('.')\n")
    monkeypatch.syspath_prepend(tmp_path)

    def load(source):
        import late_helper  # noqa: F401

        return sql.load(source)

    class TestLazy(LoaderSuite):
        def case(self) -> LoaderCase:
            return LoaderCase(Loader("lazy", (".sql",), load), GOOD_SQL, BAD_SQL)

    monkeypatch.delitem(__import__("sys").modules, "late_helper", raising=False)
    TestLazy().test_l3_loading_does_no_io()


def test_that_the_compiler_looks_for_the_line_of_a_syntax_error_is_no_io_of_the_loader():
    def load(source: Source) -> Script:
        try:
            ast.parse(source.content, str(source.file))
        except (SyntaxError, ValueError) as error:
            raise LoadError(str(source.file), None, "it is no Python") from error
        return python.load(source)

    class TestParsing(LoaderSuite):
        def case(self) -> LoaderCase:
            return LoaderCase(Loader("parsing", (".py",), load), GOOD_PYTHON, {"3.py": "1 +"})

    TestParsing().test_l3_loading_does_no_io()


def test_a_case_says_at_once_what_it_lacks():
    loader = Loader("sql", (".sql",), sql.load)
    with pytest.raises(ValueError, match="give at least one good file"):
        LoaderCase(loader, {}, BAD_SQL)
    with pytest.raises(ValueError, match="give at least one bad file"):
        LoaderCase(loader, GOOD_SQL, {})
    with pytest.raises(ValueError, match=r"no suffix of the loader 'sql' .* fits the file '1\.txt'"):
        LoaderCase(loader, {"1.txt": "SELECT 1"}, BAD_SQL)


def test_a_suite_without_a_case_says_how_to_write_it():
    class TestNothing(LoaderSuite):
        pass

    outcome = diagonal.run(TestNothing)["test_l2_a_good_file_gives_a_script"]
    assert "TestNothing.case() is missing: return LoaderCase(loader, good=" in outcome
