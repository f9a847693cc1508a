"""What an author's test class gives its suite, looked at before any promise is tested."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import UnionType
from typing import Any, TypeVar

from trek_core._blame import shown

T = TypeVar("T")


class UnusableError(Exception):
    """The author's class gave what its suite cannot work with: no sentence of the contract is at stake."""


class WrongTypeError(UnusableError, TypeError):
    """A `TypeError` of that kind."""


class WrongValueError(UnusableError, ValueError):
    """A `ValueError` of that kind."""


def made_by(owner: object, method: str, wanted: type[T], example: str) -> T:
    """What that method gave. Raises `WrongTypeError` unless it is one of `wanted`; example: how one is made."""
    made = getattr(owner, method)()
    if isinstance(made, wanted):
        return made
    advice = ""
    if inspect.iscoroutine(made):
        advice = ": make it a plain def"
    elif isinstance(made, AbstractAsyncContextManager):
        advice = ": make it a plain def that returns it, without @asynccontextmanager"
    msg = f"{type(owner).__name__}.{method}() gave {told(made)}, want {example}{advice}"
    raise WrongTypeError(msg)


@asynccontextmanager
async def entered(owner: object, method: str, wanted: type[Any], example: str) -> AsyncIterator[Any]:
    """What the context manager yields that the method gives. Raises `WrongTypeError` unless it is one of `wanted`."""
    made, name = getattr(owner, method)(), f"{type(owner).__name__}.{method}()"
    if not isinstance(made, AbstractAsyncContextManager):
        msg = f"{name} gave {told(made)}, want an async context manager: decorate it with @asynccontextmanager"
        raise WrongTypeError(msg)
    works: object = getattr(made, "gen", None)  # what @asynccontextmanager made of the function: it takes any
    if works is not None and not inspect.isasyncgen(works):
        msg = f"{name} gave {told(works)}, and never yields: make it an async def with `yield {example}`, not return"
        raise WrongTypeError(msg)
    async with made as found:
        if not isinstance(found, wanted):
            msg = f"{name} yields {told(found)}, want {example}"
            raise WrongTypeError(msg)
        yield found


def check(where: str, value: object, wanted: type | UnionType, example: str) -> None:
    """Raises `WrongTypeError` unless the value is one of `wanted`."""
    if not isinstance(value, wanted):
        msg = f"{where}: found {told(value)}, want {example}"
        raise WrongTypeError(msg)


def check_all(where: str, values: Any, wanted: type, example: str) -> None:
    """Raises `WrongTypeError` unless the values are a list or tuple of `wanted`."""
    check(where, values, list | tuple, f"a list: [{example}]")
    for value in values:
        check(where, value, wanted, example)


def check_files(where: str, files: object) -> None:
    """Raises `WrongTypeError` unless it is path -> content."""
    if not are_files(files):
        msg = f"{where}: found {told(files)}, want {{path: content}}, the content text or bytes"
        raise WrongTypeError(msg)


def are_files(files: object) -> bool:
    """Whether it is path -> content, text or bytes."""
    if not isinstance(files, Mapping):
        return False
    return all(isinstance(path, str) and isinstance(content, str | bytes) for path, content in files.items())


def told(value: object) -> str:
    """A value for a message. A coroutine is closed, so that nobody is told that it was never awaited."""
    if inspect.iscoroutine(value):
        value.close()
    if type(value).__repr__ is object.__repr__:
        return f"a {type(value).__name__}"
    return shown(value)
