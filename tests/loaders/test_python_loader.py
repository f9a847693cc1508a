"""The python loader: read from the syntax tree, run from the bytes that were hashed."""

import sys
import textwrap
import traceback

import pytest

from trek_core.errors import LoadError
from trek_core.model import Body, Call, Direction, File, Source
from trek_loaders.python import load, load_function, read_constants, trek_register_loaders

UP = "async def upgrade(connection): pass\n"
DOWN = "async def downgrade(connection): pass\n"


def source(text: str | bytes, path: str = "0001_a.py", direction: Direction | None = None) -> Source:
    content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    return Source(File(path, "migrations"), content, direction)


def refused(text: str | bytes, direction: Direction | None = None) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load(source(text, direction=direction))
    assert caught.value.path == "migrations/0001_a.py"
    return caught.value


def call(body: Body | None) -> Call:
    assert body is not None
    (statement,) = body.statements
    assert isinstance(statement, Call)
    return statement


async def run(text: str, given: object = None, path: str = "0001_a.py") -> object:
    return await call(load(source(text, path)).up).function(given)


# ----------------------------------------------------------------------- what a file gives
def test_the_loader_takes_py_files():
    (loader,) = trek_register_loaders()
    assert (loader.name, loader.suffixes) == ("python", (".py",))


def test_both_functions_become_calls_that_know_their_place():
    script = load(source("import asyncio\n" + UP + "\n" + DOWN))
    up, down = call(script.up), call(script.down)
    assert (up.name, up.file, up.line) == ("upgrade", "migrations/0001_a.py", 2)
    assert (down.name, down.file, down.line) == ("downgrade", "migrations/0001_a.py", 4)


def test_a_file_without_downgrade_has_no_way_down():
    assert load(source(UP)).down is None


def test_of_a_pair_each_file_gives_its_own_direction():
    up, down = load(source(UP, direction=Direction.up)), load(source(DOWN, direction=Direction.down))
    assert up.down is None
    assert down.up is None
    assert (call(up.up).name, call(down.down).name) == ("upgrade", "downgrade")


async def test_the_function_is_given_the_connection_and_awaited():
    given: list[int] = []
    await run("async def upgrade(connection):\n    connection.append(1)\n", given)
    assert given == [1]


async def test_a_parameter_with_a_default_does_not_count():
    assert await run("async def upgrade(c, /, n=2, *more, key=3, **rest):\n    return (c, n, key)\n", 1) == (1, 2, 3)


async def test_any_function_can_be_asked_for_by_name():
    found = load_function(source("async def run_migration(connection):\n    return connection\n"), "run_migration")
    assert (found.name, found.line) == ("run_migration", 1)
    assert await found.function("given") == "given"


async def test_a_bom_and_crlf_are_fine():
    found = call(load(source(b"\xef\xbb\xbfasync def upgrade(c):\r\n    return '''a\r\nb'''\r\n")).up)
    assert await found.function(None) == "a\nb"


# ----------------------------------------------------------------------- constants
def test_constants_say_what_directives_say():
    text = """
        no_transaction = True
        requires = ("0001", "0002")
        replaces = "0003..0005 0007"
        lock_timeout = "500ms"
        statement_timeout = 2
        async def upgrade(connection): pass
        """
    said = read_constants(source(text))
    assert (said.statement_timeout, load(source(text)).up.statement_timeout) == (2, 2)
    assert said.no_transaction
    assert said.requires == ("0001", "0002")
    assert said.replaces == ("0003..0005", "0007")
    assert said.lock_timeout == pytest.approx(0.5)
    assert call(load(source(text)).up).line == 7


def test_no_transaction_and_lock_timeout_hold_for_both_directions():
    script = load(source("no_transaction: bool = True\nlock_timeout = 2\n" + UP + DOWN))
    for body in (script.up, script.down):
        assert body is not None
        assert (body.mode, body.lock_timeout) == ("autocommit", 2.0)


def test_without_constants_trek_decides():
    body = load(source(UP)).up
    assert body is not None
    assert (body.mode, body.lock_timeout) == (None, None)


def test_irreversible_is_told():
    assert load(source("irreversible = True\n" + UP)).irreversible
    assert not load(source("irreversible = False\n" + UP + DOWN)).irreversible


def test_none_says_nothing():
    assert read_constants(source("requires = None\nlock_timeout = None\n")) == read_constants(source(""))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no_transaction = 1", "no_transaction = 1"),
        ("irreversible = 'yes'", "irreversible = 'yes'"),
        ("requires = ()", "requires = ()"),
        ("requires = ''", "requires = ''"),
        ("requires = 1", "requires = 1"),
        ("requires = (1,)", "requires = (1,)"),
        ("requires = {'a': 1}", "requires = {'a': 1}"),
        ("requires = 'a_b'", "'a_b'"),
        ("replaces = ['1..']", "'1..'"),
        ("lock_timeout = True", "lock_timeout = True"),
        ("statement_timeout = 'soon'", "statement timeout: 'soon'"),
        ("lock_timeout = '2'", "'2'"),
        ("lock_timeout = -1", "'-1'"),
        ("lock_timeout = 1e400", "'inf'"),
        ("lock_timeout = 0.0001", "'0.0001'"),
    ],
)
def test_a_constant_of_the_wrong_kind_is_refused_with_its_value(text, found):
    error = refused("\n" + text + "\n" + UP)
    assert error.line == 2
    assert found in error.problem


@pytest.mark.parametrize(
    "text",
    [
        "no_transaction = bool(1)",
        "no_transaction = not False",
        "x = no_transaction = True",
        "no_transaction, x = True, 1",
        "if True:\n    no_transaction = True",
        "try:\n    no_transaction = True\nfinally:\n    pass",
        "from os import path as no_transaction",
        "import no_transaction",
        "no_transaction: bool",
        "def no_transaction(): pass",
        "for no_transaction in (True,): pass",
        "(no_transaction := True)",
    ],
)
def test_a_constant_that_only_running_the_file_would_tell_is_refused(text):
    error = refused(text + "\n" + UP)
    assert "no_transaction" in error.problem
    assert "no_transaction = True" in error.advice


def test_a_constant_set_twice_is_refused_with_both_lines():
    error = refused("requires = '1'\n" + UP + "requires += ' 2'\n")
    assert error.line == 3
    assert "line 1" in error.problem


def test_names_inside_functions_classes_and_comprehensions_are_their_own():
    text = """
        class A:
            requires = 1
        x = [requires for requires in (1,)]
        async def upgrade(connection):
            no_transaction = 3
            async def downgrade(connection): pass
            def generate(): yield 1
        """
    script = load(source(text))
    assert script.down is None
    assert script.up is not None
    assert script.up.mode is None


# ----------------------------------------------------------------------- refused before anything runs
def test_a_syntax_error_is_told_with_its_line_and_text():
    error = refused(UP + "x = (1,\ny = 2 3\n")
    assert error.line in (2, 3)
    assert "x = (1," in error.problem or "y = 2 3" in error.problem
    assert isinstance(error.__cause__, SyntaxError)


def test_text_nested_too_deeply_is_refused():
    assert "migrations/0001_a.py" in str(refused("x = " + "-" * 100_000 + "1\n" + UP))


@pytest.mark.parametrize(
    ("content", "line"), [(b"x = 1\ny = '\xff'\n", 2), (b"# -*- coding: latin-1 -*-\n\n# \xe4", 3)]
)
def test_what_is_not_utf_8_is_refused_whatever_the_file_says(content, line):
    assert refused(content).line == line


def test_a_missing_upgrade_is_refused_with_the_functions_that_are_there():
    error = refused("async def upgrde(connection): pass\n" + DOWN)
    assert "no function 'upgrade'" in error.problem
    assert "upgrde, downgrade" in error.problem
    assert "async def upgrade(connection)" in error.advice


def test_an_empty_file_is_refused():
    assert "the functions of the file: none" in refused("").problem


@pytest.mark.parametrize("name", ["upgrade", "downgrade"])
def test_a_function_that_is_not_async_is_refused(name):
    error = refused((UP if name == "downgrade" else "") + f"\n\ndef {name}(connection): pass\n")
    assert error.line == (4 if name == "downgrade" else 3)
    assert f"{name!r} is not async" in error.problem


@pytest.mark.parametrize("parameters", ["", "a, b", "*, c", "a, *, b", "a=1", "*args", "**kw"])
def test_a_function_of_other_parameters_is_refused(parameters):
    error = refused(f"async def upgrade({parameters}): pass\n")
    assert f"upgrade({parameters})" in error.problem
    assert error.line == 1


def test_an_async_generator_is_refused_because_nothing_of_it_would_run():
    error = refused("async def upgrade(connection):\n    if connection:\n        yield 1\n")
    assert error.line == 3
    assert "generator" in error.problem


@pytest.mark.parametrize(
    "text",
    [
        "if True:\n    async def upgrade(connection): pass\n",
        "try:\n    async def upgrade(connection): pass\nfinally: pass\n",
        "from elsewhere import upgrade\n",
        "upgrade = print\n",
        "class upgrade: pass\n",
    ],
)
def test_a_function_that_is_not_defined_at_the_top_level_is_refused(text):
    error = refused(text)
    assert "not a function of the top level" in error.problem
    assert error.line in (1, 2)


def test_a_downgrade_inside_if_is_not_taken_for_none():
    assert "'downgrade'" in refused(UP + "if True:\n    " + DOWN).problem


def test_a_function_defined_twice_is_refused():
    error = refused(UP + UP)
    assert error.line == 2
    assert "line 1" in error.problem


def test_the_function_of_the_other_direction_is_refused_in_a_pair():
    assert "'downgrade'" in refused(UP + DOWN, Direction.up).problem
    assert "'upgrade'" in refused(UP + DOWN, Direction.down).problem


def test_requires_and_replaces_are_refused_in_the_file_of_the_way_down():
    assert refused(DOWN + "requires = '1'\n", Direction.down).line == 2
    assert refused(DOWN + "replaces = '1'\n", Direction.down).line == 2


def test_irreversible_with_a_downgrade_is_refused():
    assert "irreversible" in refused("irreversible = True\n" + UP + DOWN).problem


# ----------------------------------------------------------------------- running
async def test_nothing_of_the_file_runs_before_its_turn(tmp_path):
    mark = tmp_path / "ran"
    text = f"import pathlib; pathlib.Path({str(mark)!r}).write_text('x')\nrequires = '1'\nasync def upgrade(connection): pass\n"
    read_constants(source(text))
    function = call(load(source(text)).up).function
    awaitable = function(None)
    assert not mark.exists()
    await awaitable
    assert mark.read_text() == "x"


async def test_every_run_has_fresh_globals():
    function = call(
        load(source("n = []\nasync def upgrade(connection):\n    n.append(1)\n    return len(n)\n")).up
    ).function
    assert [await function(None), await function(None)] == [1, 1]


async def test_files_of_one_name_in_two_folders_do_not_share_globals():
    text = (
        "import sys\nwho = {!r}\nasync def upgrade(c):\n    return await c(who, __name__, sys.modules[__name__].who)\n"
    )
    inner = call(load(source(text.format("inner"), "b/0001_a.py")).up).function

    async def nested(*outer):
        return outer, await inner(plain)

    async def plain(*seen):
        return seen

    outer, (who, name, registered) = await run(text.format("outer"), nested, "a/0001_a.py")
    assert outer[0] == outer[2] == "outer"
    assert who == registered == "inner"
    assert outer[1] != name


async def test_a_file_edited_after_hashing_runs_as_it_was_hashed(tmp_path):
    path = tmp_path / "0001_a.py"
    path.write_text("async def upgrade(connection):\n    return 'hashed'\n")
    script = load(Source(File(path.name, str(tmp_path)), path.read_bytes()))
    path.write_text("async def upgrade(connection):\n    return 'edited'\n")
    assert await call(script.up).function(None) == "hashed"


async def test_a_traceback_shows_the_line_as_it_was_hashed(tmp_path):
    path = tmp_path / "0001_a.py"
    path.write_text("x = '\f\u2028'\n\nasync def upgrade(connection):\n    raise ValueError('hashed')\n")
    function = call(load(Source(File(path.name, str(tmp_path)), path.read_bytes())).up).function
    path.write_text("\n\n\n# edited\n")
    with pytest.raises(ValueError, match="hashed") as caught:
        await function(None)
    shown = "".join(traceback.format_exception(caught.value))
    assert f"File \"{path}\", line 4, in upgrade\n    raise ValueError('hashed')" in shown


async def test_the_file_knows_its_name_and_is_not_main():
    file, name, package = await run(
        "async def upgrade(c):\n    return __file__, __name__, __package__\n", path="x/01_ä b.py"
    )
    assert file == "migrations/x/01_ä b.py"
    assert name.isidentifier()
    assert package == ""


async def test_the_future_imports_of_trek_do_not_leak_into_the_file():
    text = "def f(x: int): pass\nasync def upgrade(connection):\n    return f.__annotations__\n"
    assert await run(text) == {"x": int}


async def test_dataclasses_with_future_annotations_work():
    text = """
        from __future__ import annotations
        from dataclasses import dataclass, fields
        from typing import ClassVar
        @dataclass(slots=True)
        class Row:
            name: str
            known: ClassVar[int] = 3
        async def upgrade(connection):
            return [field.name for field in fields(Row)]
        """
    assert await run(text) == ["name"]


async def test_pickle_finds_the_classes_of_the_file_while_it_runs():
    text = """
        import pickle
        class Row: pass
        async def upgrade(connection):
            return type(pickle.loads(pickle.dumps(Row()))) is Row
        """
    assert await run(text) is True


@pytest.mark.parametrize("body", ["pass", "raise ValueError('no')"])
async def test_nothing_is_left_in_sys_modules(body):
    before = set(sys.modules)
    try:
        await run(f"async def upgrade(connection):\n    {body}\n")
    except ValueError as error:
        assert body.startswith("raise"), error  # noqa: PT017
    assert {name for name in set(sys.modules) - before if "0001_a" in name} == set()


async def test_an_error_while_the_file_is_read_by_python_is_its_own():
    with pytest.raises(ZeroDivisionError):
        await run("x = 1 / 0\n" + UP)
