"""What the `python` loader reads: `async def upgrade(connection)` and `async def downgrade(connection)`.

Everything that a plan needs is read from the syntax tree. The file itself is compiled and run only when its turn has
come, from the bytes that were hashed: an edit made in between changes nothing.
"""

from __future__ import annotations

import ast
import io
import itertools
import linecache
import re
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from trek_core.plugin import Body, Call, Direction, LoadError, Mode, Script, Source, decode
from trek_loaders._directives import Directives, check_duration, read_duration, read_replaces, read_requires

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

_FUNCTIONS = {Direction.up: "upgrade", Direction.down: "downgrade"}
_EXAMPLES = {
    "no_transaction": "no_transaction = True",
    "requires": 'requires = ("0001", "0002")',
    "replaces": 'replaces = ("0001..0040",)',
    "lock_timeout": 'lock_timeout = "2s"',
    "statement_timeout": 'statement_timeout = "5s"',
    "irreversible": "irreversible = True",
}
"""The constants that mean something, and how each is written."""
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_numbers = itertools.count(1)


class _Parsed(NamedTuple):
    """A file and its syntax tree. `location`: where it lies. `bound`: each name that the module binds, and in which lines."""

    module: ast.Module
    text: str
    file: str
    location: str
    bound: dict[str, list[int]]


def load(source: Source) -> Script:
    """The script of a `.py` file, without running a line of it. Raises `LoadError`."""
    parsed = _parse(source)
    said = _constants(parsed)
    _check_direction(parsed, said, source.direction)
    ways = {source.direction or Direction.up}
    if source.direction is None and "downgrade" in parsed.bound:
        ways.add(Direction.down)
    mode: Mode | None = "autocommit" if said.no_transaction else None
    bodies = {
        way: Body((_call(parsed, _FUNCTIONS[way]),), mode, said.lock_timeout, said.statement_timeout) for way in ways
    }
    return Script(bodies.get(Direction.up), bodies.get(Direction.down), said.irreversible)


def load_function(source: Source, name: str) -> Call:
    """The file's async function of that name as a `Call`, without running a line of it. Raises `LoadError`."""
    return _call(_parse(source), name)


def read_constants(source: Source) -> Directives:
    """What the file's constants say (`no_transaction = True`), without running a line of it. Raises `LoadError`."""
    return _constants(_parse(source))


# --------------------------------------------------------------------------- reading
def _parse(source: Source) -> _Parsed:
    file, text = str(source.file), decode(source)
    try:
        module = ast.parse(text, file)
    except SyntaxError as error:
        problem = f"{error.msg}: {error.text.strip()}" if error.text else error.msg
        raise LoadError(file, error.lineno, problem, "Correct it: Python cannot read this file.") from error
    except (RecursionError, MemoryError) as error:
        raise LoadError(file, None, "nested too deeply for Python", "Split the expression up.") from error
    return _Parsed(module, text, file, source.location or file, _bindings(module))


def _bindings(module: ast.Module) -> dict[str, list[int]]:
    """Where the module binds which name: also inside `if` and `try`, by import and by assignment."""
    found: dict[str, list[int]] = {}
    for node in _walk([module], (*_NESTED, *_COMPREHENSIONS)):
        if (name := _bound(node)) is not None:
            found.setdefault(name, []).append(getattr(node, "lineno", 1))
    return {name: sorted(lines) for name, lines in found.items()}


def _walk(nodes: Iterable[ast.AST], closed: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """The nodes and all below them, without the insides of the closed kinds."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, closed):
            waiting.extend(ast.iter_child_nodes(node))


def _bound(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    return (node.asname or node.name) if isinstance(node, ast.alias) else None


def _call(parsed: _Parsed, name: str) -> Call:
    function = _find(parsed, name)
    _check_function(function, parsed.file)
    return Call(_runner(parsed, name), name, parsed.file, function.lineno)


def _find(parsed: _Parsed, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    file, lines = parsed.file, parsed.bound.get(name, [])
    defined = [node for node in parsed.module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = next((node for node in defined if node.name == name), None)
    if len(lines) > 1:
        raise LoadError(file, lines[1], f"{name!r} is defined here and in line {lines[0]}", "Keep one of the two.")
    if found is not None:
        return found
    want = f"Define it at the top level of the file: async def {name}(connection)"
    if lines:
        problem = f"{name!r} is not a function of the top level: trek reads the file without running it"
        raise LoadError(file, lines[0], problem, want)
    others = ", ".join(node.name for node in defined) or "none"
    raise LoadError(file, None, f"no function {name!r}; the functions of the file: {others}", want)


def _check_function(function: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> None:
    name, arguments = function.name, function.args
    want = f"Write it as: async def {name}(connection)"
    if isinstance(function, ast.FunctionDef):
        raise LoadError(file, function.lineno, f"{name!r} is not async", want)
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    if required != 1 or None in arguments.kw_defaults:
        problem = f"{name}({ast.unparse(arguments)}) does not take exactly one argument, the connection"
        raise LoadError(file, function.lineno, problem, want)
    yields = [node.lineno for node in _walk(function.body, _NESTED) if isinstance(node, ast.Yield)]
    if yields:
        problem = f"{name!r} is a generator because of this yield: nothing of it would run"
        raise LoadError(file, min(yields), problem, "Use await instead.")


def _check_direction(parsed: _Parsed, said: Directives, direction: Direction | None) -> None:
    """Refuses what would be ignored: the function of the other direction, and a way back beside `irreversible`."""
    file, names = parsed.file, parsed.bound
    if direction is Direction.up and "downgrade" in names:
        problem = "'downgrade' in the file of the way up would never run"
        raise LoadError(file, names["downgrade"][0], problem, "Put it into the .down.py file.")
    if direction is Direction.down and "upgrade" in names:
        problem = "'upgrade' in the file of the way down would never run"
        raise LoadError(file, names["upgrade"][0], problem, "Put it into the .up.py file.")
    if direction is Direction.down and (said.requires is not None or said.replaces):
        line = names["replaces" if said.requires is None else "requires"][0]
        raise LoadError(file, line, "'requires' and 'replaces' belong to the way up", "Put them into the .up.py file.")
    if said.irreversible and "downgrade" in names:
        problem = "here is a 'downgrade', and the file says irreversible = True"
        raise LoadError(file, names["downgrade"][0], problem, "Remove one of the two.")


# --------------------------------------------------------------------------- constants
def _constants(parsed: _Parsed) -> Directives:
    """The module's constants as directives. Raises `LoadError` for one that only running the file would tell."""
    values = dict(_assignments(parsed.module))
    said: dict[str, Any] = {}
    for name in (name for name in _EXAMPLES if name in parsed.bound):
        line, *more = parsed.bound[name]
        if more:
            problem = f"{name!r} is set here and in line {line}"
            raise LoadError(parsed.file, more[0], problem, "Keep one of the two.")
        value = _literal(values.get(name), name, parsed.file, line)
        if value is not None:
            said[name] = _read(name, value, parsed.file, line)
    return Directives(**said)


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _literal(value: ast.expr | None, name: str, file: str, line: int) -> object:
    advice = f"Set it once, at the top level, to a literal: {_EXAMPLES[name]}"
    if value is None:
        raise LoadError(file, line, f"{name!r} is not set by a plain assignment at the top level", advice)
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        problem = f"{name!r} is not a literal: trek reads the file without running it"
        raise LoadError(file, line, problem, advice) from error


def _read(name: str, value: object, file: str, line: int) -> object:
    match name, value:
        case (("no_transaction" | "irreversible"), bool()):
            return value
        case "requires", _ if words := _words(value):
            return read_requires(words, file, line)
        case "replaces", _ if words := _words(value):
            return read_replaces(words, file, line)
        case (("lock_timeout" | "statement_timeout"), str()):
            return read_duration(value, name.replace("_", " "), file, line)
        case (("lock_timeout" | "statement_timeout"), int() | float()) if not isinstance(value, bool):
            return check_duration(float(value), repr(value), name.replace("_", " "), file, line)
    raise LoadError(file, line, f"{name} = {value!r} cannot be read", f"Write it like this: {_EXAMPLES[name]}")


def _words(value: object) -> list[str]:
    """The words of a string or of a sequence of strings; nothing if it is something else."""
    words = value.split() if isinstance(value, str) else value
    return list(words) if isinstance(words, tuple | list) and all(isinstance(word, str) for word in words) else []


# --------------------------------------------------------------------------- running
def _runner(parsed: _Parsed, name: str) -> Callable[[Any], Awaitable[object]]:
    text, file, location = parsed.text, parsed.file, parsed.location  # without the tree, which is big

    async def run(connection: Any) -> object:
        with _module(text, file, location) as module:
            return await getattr(module, name)(connection)

    return run


@contextmanager
def _module(text: str, file: str, location: str) -> Iterator[ModuleType]:
    """The file as a fresh module, for as long as it runs.

    Nothing is imported, and no other run sees this module: its name is never used twice. It stands in `sys.modules`
    meanwhile because dataclasses (with annotations that are strings) and pickle look there for a class's module.
    The source stays in linecache after an error, because a traceback is printed later than it is raised and the file
    may have been edited by then.
    """
    stem = re.sub(r"\W", "_", file.rpartition("/")[2].removesuffix(".py"), flags=re.ASCII)
    module = ModuleType(f"trek_migration_{next(_numbers)}_{stem}")
    module.__file__, module.__package__ = location, ""
    linecache.cache[file] = (len(text), None, list(io.StringIO(text, newline=None)), file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - a migration is code
        yield module
        linecache.cache.pop(file, None)
    finally:
        del sys.modules[module.__name__]
