"""One loader for each test of the loaders' kit that breaks the promise of this test and no other."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from trek_core.model import Body, Call, Script, Source, Sql, Statement
from trek_core.plugin import Loader, LoadError
from trek_core.testing import LoaderCase, LoaderSuite
from trek_loaders import python, sql

Load = Callable[[Source], Script]
GOOD_SQL = {
    "0001_users.sql": "CREATE TABLE users (id int);\nCREATE TABLE orders (\n  id int\n);\n-- trek: down\nDROP TABLE orders;\n",
    "0002_index.sql": "-- trek: lock-timeout 2s\n\nALTER TABLE users ADD note text;\n",
}
GOOD_PYTHON = {
    "0001_users.py": "async def upgrade(connection):\n    pass\n\n\nasync def downgrade(connection):\n    pass\n",
    "0002_index.py": "WORDS = 2\n\n\nasync def upgrade(connection):\n    pass\n",
}
BAD_SQL = {"0003_quote.sql": "SELECT 1;\nSELECT 'open"}
BAD_PYTHON = {"0003_sync.py": "def upgrade(connection):\n    pass\n"}


class SqlSuite(LoaderSuite):
    """Broken loaders of `.sql`; a new one for each test."""

    __test__: ClassVar = False
    make: ClassVar[Callable[[], Load]]

    def case(self) -> LoaderCase:
        return LoaderCase(Loader("broken", (".sql",), type(self).make()), GOOD_SQL, BAD_SQL)


class PythonSuite(SqlSuite):
    def case(self) -> LoaderCase:
        return LoaderCase(Loader("broken", (".py",), type(self).make()), GOOD_PYTHON, BAD_PYTHON)


def sql_suite(make: Callable[[], Load]) -> type[LoaderSuite]:
    return type(f"Test_{make.__name__}", (SqlSuite,), {"make": staticmethod(make), "__module__": __name__})


def python_suite(make: Callable[[], Load]) -> type[LoaderSuite]:
    return type(f"Test_{make.__name__}", (PythonSuite,), {"make": staticmethod(make), "__module__": __name__})


# --------------------------------------------------------------------------- what is broken
def makes_nothing_of_a_good_file() -> Load:
    return lambda source: Script(None) if source.file.name.startswith("0002") else sql.load(source)


def makes_nothing_of_a_direction() -> Load:
    return lambda source: Script(None) if source.direction else sql.load(source)


def opens_a_file() -> Load:
    return _after(Path(os.devnull).read_bytes)


def keeps_the_settings_of_the_file_before() -> Load:
    kept: list[float] = []

    def load(source: Source) -> Script:
        script = sql.load(source)
        if script.up and script.up.lock_timeout:
            kept.append(script.up.lock_timeout)
        return replace(script, up=replace(script.up, lock_timeout=kept[-1])) if script.up and kept else script

    return load


def raises_for_what_is_not_utf8() -> Load:
    def load(source: Source) -> Script:
        source.content.decode()
        return sql.load(source)

    return load


def takes_an_open_quote() -> Load:
    def load(source: Source) -> Script:
        try:
            return sql.load(source)
        except LoadError as error:
            if "quote" not in str(error) and "string" not in str(error):
                raise
            return Script(Body((Sql(source.content.decode(errors="replace"), str(source.file)),)))

    return load


def names_the_file_without_its_folder() -> Load:
    return _refusing(lambda source, error: LoadError(source.file.name, error.line, error.problem))


def counts_the_lines_of_errors_from_0() -> Load:
    return _refusing(lambda source, error: LoadError(error.path, error.line and error.line - 1, error.problem))


def leaves_out_where_statements_stand() -> Load:
    return _changing(lambda statement: replace(statement, file=""))


def counts_the_lines_of_statements_from_0() -> Load:
    return _changing(lambda statement: replace(statement, line=statement.line - 1))


def ignores_the_direction() -> Load:
    return lambda source: sql.load(replace(source, direction=None))


def hides_the_function_in_a_lambda() -> Load:
    def wrapped(statement: Statement) -> Statement:
        assert isinstance(statement, Call)
        function = statement.function
        return replace(statement, function=lambda connection: function(connection))  # noqa: PLW0108 - the fault

    return _changing(wrapped, python.load)


def runs_the_file_to_read_it() -> Load:
    def load(source: Source) -> Script:
        script = python.load(source)
        try:
            exec(compile(source.content, str(source.file), "exec"), {})
        except Exception as error:
            raise LoadError(str(source.file), None, f"it cannot be imported: {error}") from error
        return script

    return load


def leaves_semicolons() -> Load:
    return _changing(lambda statement: replace(statement, text=f"{statement.text};"))


def makes_a_statement_of_a_comment() -> Load:
    return _changing(lambda statement: replace(statement, text="-- nothing\n/* at all */"))


def counts_a_carriage_return_as_a_line() -> Load:
    return lambda source: sql.load(replace(source, content=source.content.replace(b"\r", b"\n")))


def refuses_a_bom() -> Load:
    def load(source: Source) -> Script:
        if source.content.startswith(b"\xef\xbb\xbf"):
            raise LoadError(str(source.file), 1, "a BOM")
        return sql.load(source)

    return load


# --------------------------------------------------------------------------- more ways to reach out
def prints() -> Load:
    return _after(lambda: print("loading"))  # noqa: T201


def prints_what_is_wrong() -> Load:
    def told(source: Source, error: LoadError) -> LoadError:
        print(error)  # noqa: T201
        return error

    return _refusing(told)


def writes_to_stderr() -> Load:
    return _after(lambda: print("loading", file=sys.stderr))  # noqa: T201


def lists_a_folder() -> Load:
    return _after(lambda: [*Path().iterdir()])


def opens_a_socket() -> Load:
    return _after(lambda: socket.socket().close())


def starts_a_process() -> Load:
    def load(source: Source) -> Script:
        if source.content == GOOD_SQL["0001_users.sql"].encode():  # not for each of a thousand contents
            subprocess.run(["true"], check=True)
        return sql.load(source)

    return load


def _after(act: Callable[[], object]) -> Load:
    def load(source: Source) -> Script:
        act()
        return sql.load(source)

    return load


def _refusing(change: Callable[[Source, LoadError], LoadError]) -> Load:
    def load(source: Source) -> Script:
        try:
            return sql.load(source)
        except LoadError as error:
            raise change(source, error) from error

    return load


def _changing(change: Callable[..., Statement], right: Load = sql.load) -> Load:
    def body(of: Body | None) -> Body | None:
        return of and replace(of, statements=tuple(map(change, of.statements)))

    def load(source: Source) -> Script:
        script = right(source)
        return replace(script, up=body(script.up), down=body(script.down))

    return load


DIAGONAL = {
    "test_l2_a_good_file_gives_a_script": sql_suite(makes_nothing_of_a_good_file),
    "test_l3_loading_does_no_io": sql_suite(opens_a_file),
    "test_l4_the_same_source_gives_the_same_script": sql_suite(keeps_the_settings_of_the_file_before),
    "test_l5_any_bytes_give_a_script_or_a_load_error": sql_suite(raises_for_what_is_not_utf8),
    "test_l6_a_wrong_file_is_refused": sql_suite(takes_an_open_quote),
    "test_l6_a_refusal_names_file_and_line": sql_suite(names_the_file_without_its_folder),
    "test_l7_statements_name_file_and_line": sql_suite(leaves_out_where_statements_stand),
    "test_l8_a_direction_leaves_the_other_way_out": sql_suite(ignores_the_direction),
    "test_l9_the_function_of_a_call_is_async": python_suite(hides_the_function_in_a_lambda),
    "test_l9_nothing_of_the_migration_runs_while_it_is_loaded": python_suite(runs_the_file_to_read_it),
    "test_l10_no_statement_is_empty_or_ends_with_its_semicolon": sql_suite(leaves_semicolons),
    "test_l11_a_bom_and_crlf_change_nothing": sql_suite(counts_a_carriage_return_as_a_line),
}
"""Test -> the suite of the loader that fails it."""

ALSO = (
    ("test_l2_a_good_file_gives_a_script", sql_suite(makes_nothing_of_a_direction)),
    ("test_l3_loading_does_no_io", sql_suite(prints)),
    ("test_l3_loading_does_no_io", sql_suite(prints_what_is_wrong)),
    ("test_l3_loading_does_no_io", sql_suite(writes_to_stderr)),
    ("test_l3_loading_does_no_io", sql_suite(lists_a_folder)),
    ("test_l3_loading_does_no_io", sql_suite(opens_a_socket)),
    ("test_l3_loading_does_no_io", sql_suite(starts_a_process)),
    ("test_l6_a_refusal_names_file_and_line", sql_suite(counts_the_lines_of_errors_from_0)),
    ("test_l7_statements_name_file_and_line", sql_suite(counts_the_lines_of_statements_from_0)),
    ("test_l10_no_statement_is_empty_or_ends_with_its_semicolon", sql_suite(makes_a_statement_of_a_comment)),
    ("test_l11_a_bom_and_crlf_change_nothing", sql_suite(refuses_a_bom)),
)
"""More that a test sees."""
