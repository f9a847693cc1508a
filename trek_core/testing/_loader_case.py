"""What a `LoaderSuite` works with, and how it looks at it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trek_core._blame import shown
from trek_core.contracts import Loader
from trek_core.errors import LoadError
from trek_core.model import Body, Call, Direction, File, Script, Source, Statement
from trek_core.testing._given import WrongValueError, check, check_files
from trek_core.testing._nasty import PLAIN, beginnings, noise
from trek_core.testing._origin import origin
from trek_core.testing._tree import as_bytes

WAYS = (None, Direction.up, Direction.down)
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class LoaderCase:
    """What a `LoaderSuite` works with: file name -> content, text or bytes.

    good: files that the loader takes, each with all that a file can say, in one or both ways.
    bad: files that it must refuse, one for each mistake that an author of migrations can make.
    """

    loader: Loader
    good: Mapping[str, str | bytes]
    bad: Mapping[str, str | bytes]

    def __post_init__(self) -> None:
        check("LoaderCase(loader=…)", self.loader, Loader, "a Loader, as trek_register_loaders() gives it")
        for word in ("good", "bad"):
            check_files(f"LoaderCase({word}=…)", getattr(self, word))
            if not getattr(self, word):
                msg = f"LoaderCase({word}={{}}): give at least one {word} file, name -> content"
                raise WrongValueError(msg)
        for name in (*self.good, *self.bad):
            if not name.endswith(self.loader.suffixes):
                msg = f"no suffix of the loader {self.loader.name!r} {self.loader.suffixes} fits the file {name!r}"
                raise WrongValueError(msg)


def who(case: LoaderCase) -> str:
    return f"the loader {case.loader.name!r} of {origin(case.loader)}"


def given(source: Source) -> str:
    way = f", direction {source.direction.value}" if source.direction else ""
    return f"Given: {source.file}{way}, content {shown(source.content)}"


def sources(files: Mapping[str, str | bytes], root: str = "migrations") -> list[Source]:
    return [Source(File(name, root), as_bytes(content)) for name, content in files.items()]


def any_bytes(case: LoaderCase) -> Iterator[Source]:
    """What may stand in a file of this kind: nonsense, and the good files cut off and disturbed."""
    for number, good in enumerate(sources(case.good)):
        if number == 0:
            yield from (Source(good.file, content, way) for content in PLAIN for way in WAYS)
        for at, content in enumerate((*beginnings(good.content), *noise(good.content))):
            yield Source(good.file, content, WAYS[at % len(WAYS)])


# --------------------------------------------------------------------------- loading
def loaded(case: LoaderCase, source: Source) -> Script:
    try:
        return case.loader.load(source)
    except LoadError as error:
        msg = f"{who(case)} refused {source.file}, which is in `good`: {error}"
        raise AssertionError(msg) from error


def refusal(case: LoaderCase, source: Source) -> LoadError | None:
    """None also for what another test is there for."""
    try:
        case.loader.load(source)
    except LoadError as error:
        return error
    except (Exception, SystemExit):  # noqa: BLE001
        return None
    return None


def scripts(case: LoaderCase) -> Iterator[tuple[Source, Script]]:
    """The good files, each way that they can be loaded. That they can be is for another test to say."""
    for source in sources(case.good):
        for way in WAYS:
            directed = Source(source.file, source.content, way)
            if refusal(case, directed) is None:
                yield directed, case.loader.load(directed)


def divides_by_zero(case: LoaderCase, source: Source) -> bool:
    try:
        case.loader.load(source)
    except Exception as error:  # noqa: BLE001
        found: BaseException | None = error
        while found and not isinstance(found, ZeroDivisionError):
            found = found.__cause__ or found.__context__
        return found is not None
    return False


# --------------------------------------------------------------------------- looking
def is_body(body: object) -> bool:
    if not isinstance(body, Body) or not isinstance(body.statements, tuple):
        return False
    return all(isinstance(one, Statement) for one in body.statements)


def statements(script: Script) -> list[Statement]:
    return [one for body in (script.up, script.down) if body for one in body.statements]


def outcome(case: LoaderCase, source: Source) -> object:
    """What can be compared of what became of a source."""
    if (error := refusal(case, source)) is not None:
        return str(error)
    script = case.loader.load(source)
    return (script.irreversible, outline(script.up), outline(script.down))


def outline(body: Body | None) -> object:
    """What can be compared of a body."""
    return body and (body.mode, body.lock_timeout, *map(comparable, body.statements))


def comparable(statement: Statement) -> object:
    """The function of a `Call` may be another each time."""
    return (statement.name, statement.file, statement.line) if isinstance(statement, Call) else statement


def places(case: LoaderCase, source: Source) -> object:
    if (error := refusal(case, source)) is not None:
        return f"nothing, but a LoadError: {error}"
    return [one.line for one in statements(case.loader.load(source))]


def count_lines(source: Source) -> int:
    return len(_LINE_END.findall(source.content)) + 1


def is_async(function: object) -> bool:
    return any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None))))  # noqa: B004


def is_python(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    return True
