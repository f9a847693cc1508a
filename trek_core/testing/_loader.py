"""The conformance kit of loaders."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import ClassVar

from trek_core._blame import shown
from trek_core.errors import LoadError
from trek_core.model import Call, Direction, Script, Source, Sql
from trek_core.testing import _loader_case as look
from trek_core.testing._given import made_by
from trek_core.testing._loader_case import LoaderCase
from trek_core.testing._nasty import BOM, PLAIN
from trek_core.testing._suite import Suite, needs
from trek_core.testing._watch import watch

_CASE = "LoaderCase(loader, good={name: content}, bad={…})"
_STOP = b"\n1 / 0\n"
_NO_SQL = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_BODY = "want a Body whose statements are a tuple of Sql, Copy, Call or Piece"
_NO_IO = (
    "Make the script of source.content alone: these bytes are what trek read and hashed. What else it needs is a "
    "constant of the module, or read once while the plugin is imported."
)


class LoaderSuite(Suite):
    """Holds a loader to its contract, the sentences L2 to L11 of `Loader`. A complete test module::

        from trek_core.testing import LoaderCase, LoaderSuite
        from trek_lines import LOADER


        class TestLines(LoaderSuite):
            def case(self) -> LoaderCase:
                return LoaderCase(
                    LOADER,
                    good={"0001_users.lines": "CREATE TABLE users (id int)"},
                    bad={"0002_nothing.lines": ""},
                )

    The suite makes up the rest: every beginning of the good files, bytes that are no text, CRLF, a BOM, both directions.
    What the loader lacks is declared, and skipped: ``without = {"directions": "one file holds both ways"}``.
    """

    capabilities: ClassVar = {
        "directions": "a file whose name says its direction: all of its content goes that way",
        "text": "files of text, whose lines can be counted, and that may have a BOM and CRLF",
    }

    def case(self) -> LoaderCase:
        """The loader and its files."""
        msg = f"{type(self).__name__}.case() is missing: return LoaderCase(loader, good={{name: content}}, bad={{…}})"
        raise NotImplementedError(msg)

    def test_l2_a_good_file_gives_a_script(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in look.sources(case.good):
            script, of = look.loaded(case, source), f"of {source.file}"
            assert isinstance(script, Script), f"{look.who(case)} made {shown(script)} {of}, want a Script"
            assert script.up or script.down, f"{look.who(case)} made a Script without a way {of}"
            for body in (script.up, script.down):
                assert body is None or look.is_body(body), f"{look.who(case)} made {shown(body)} {of}: {_BODY}"
        for source, script in look.scripts(case):
            assert script.up or script.down, f"{look.who(case)} made a Script without a way.\n{look.given(source)}"

    def test_l3_loading_does_no_io(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in look.sources({**case.good, **case.bad}, "a folder that is nowhere"):
            deeds = watch(partial(case.loader.load, source))
            did = "; it ".join(deeds)
            assert not deeds, f"{look.who(case)} did I/O while it loaded {source.file.name}: it {did}.\n{_NO_IO}"

    def test_l4_the_same_source_gives_the_same_script(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        sources = look.sources(case.good)
        before = [look.outcome(case, source) for source in sources]
        for source in (*look.sources(case.bad), *(Source(sources[0].file, content) for content in PLAIN)):
            look.refusal(case, source)
        for source, first in zip(reversed(sources), reversed(before), strict=True):
            again = look.outcome(case, source)
            assert again == first, f"{look.who(case)} made of {source.file}\nfirst {first!r}\nthen {again!r}"

    def test_l5_any_bytes_give_a_script_or_a_load_error(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in look.any_bytes(case):
            try:
                found: object = case.loader.load(source)
            except LoadError:
                continue
            except (Exception, SystemExit) as error:
                msg = f"{look.who(case)} raised {error!r}, want a LoadError.\n{look.given(source)}"
                raise AssertionError(msg) from error
            assert isinstance(found, Script), f"{look.who(case)} made {shown(found)}.\n{look.given(source)}"

    def test_l6_a_wrong_file_is_refused(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in look.sources(case.bad):
            try:
                found = shown(case.loader.load(source))
            except LoadError:
                continue
            except Exception as error:  # noqa: BLE001 - shown below
                found = repr(error)
            msg = f"{look.who(case)} gave {found} for {source.file}, which is in `bad`: want a LoadError"
            raise AssertionError(msg)

    def test_l6_a_refusal_names_file_and_line(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in (*look.sources(case.bad), *look.any_bytes(case)):
            if (error := look.refusal(case, source)) is None:
                continue
            assert error.path == str(source.file), (
                f"{look.who(case)}: LoadError.path is {error.path!r}, want str(source.file).\n{look.given(source)}"
            )
            assert error.line is None or self._has_line(source, error.line), (
                f"{look.who(case)}: LoadError.line is {error.line!r}, want None or one of the "
                f"{look.count_lines(source)} lines.\n{look.given(source)}"
            )

    def test_l7_statements_name_file_and_line(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source, script in look.scripts(case):
            for statement in look.statements(script):
                right = statement.file == str(source.file) and self._has_line(source, statement.line)
                assert right, (
                    f"{look.who(case)}: {shown(statement)} stands in {statement.file!r}, line {statement.line!r}; want "
                    f"{str(source.file)!r} and one of its {look.count_lines(source)} lines"
                )

    @needs("directions")
    def test_l8_a_direction_leaves_the_other_way_out(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        directed = [(source, script) for source, script in look.scripts(case) if source.direction]
        assert any(source.direction is Direction.up for source, _ in directed), (
            f"{look.who(case)} loaded none of {', '.join(case.good)} with Source.direction up: give a good "
            'file of one way, or say why there is none: without = {"directions": "reason"}'
        )
        for source, script in directed:
            other = script.down if source.direction is Direction.up else script.up
            assert other is None, f"{look.who(case)} made the other way too: {shown(other)}.\n{look.given(source)}"

    def test_l9_the_function_of_a_call_is_async(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for _, script in look.scripts(case):
            for call in (one for one in look.statements(script) if isinstance(one, Call)):
                assert look.is_async(call.function), f"{look.who(case)}: {shown(call)}: its function is no async def"

    def test_l9_nothing_of_the_migration_runs_while_it_is_loaded(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source, script in look.scripts(case):
            calls = any(isinstance(one, Call) for one in look.statements(script))
            if not (calls and look.is_python(source.content)):
                continue
            stopped = Source(source.file, source.content + _STOP, source.direction)
            assert not look.divides_by_zero(case, stopped), (
                f"{look.who(case)} ran {source.file} while it loaded it: a line {_STOP.strip().decode()!r} at its end "
                "raised ZeroDivisionError. Read the file with ast, and run it in the function of the Call."
            )

    def test_l10_no_statement_is_empty_or_ends_with_its_semicolon(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source, script in look.scripts(case):
            for body in filter(None, (script.up, script.down)):
                for sql in (one for one in body.statements if isinstance(one, Sql)):
                    advice = _flaw(sql.text, whole=body.mode == "message")
                    assert not advice, f"{look.who(case)}: {source.file}:{sql.line}: {sql.text!r}: {advice}"

    @needs("text")
    def test_l11_a_bom_and_crlf_change_nothing(self) -> None:
        case = made_by(self, "case", LoaderCase, _CASE)
        for source in look.sources(case.good):
            plain = source.content.removeprefix(BOM).replace(b"\r\n", b"\n")
            wanted = look.places(case, Source(source.file, plain))
            for what, content in (("a BOM", BOM + plain), ("CRLF", plain.replace(b"\n", b"\r\n"))):
                found = look.places(case, Source(source.file, content))
                assert found == wanted, f"{look.who(case)}: with {what} {source.file} gave {found}, want {wanted}"

    def _has_line(self, source: Source, line: object) -> bool:
        last = math.inf if "text" in self.without else look.count_lines(source)
        return isinstance(line, int) and 1 <= line <= last


def _flaw(text: str, *, whole: bool) -> str:
    """What is to do about a statement; nothing about one that is right. Of a query of several the semicolons are part."""
    if _NO_SQL.fullmatch(text):
        return "leave out what says nothing"
    return "cut the semicolon off" if text.rstrip().endswith(";") and not whole else ""
