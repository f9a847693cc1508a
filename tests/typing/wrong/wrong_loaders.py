"""Loaders that are not of the contract."""

from __future__ import annotations

from trek_core.plugin import Body, Call, Loader, Script, Source, Sql


def right(source: Source) -> Script:
    return Script(None)


def of_bytes(content: bytes) -> Script:
    return Script(None)


def of_two(source: Source, settings: dict[str, str]) -> Script:
    return Script(None)


def gives_text(source: Source) -> str:
    return source.content.decode()


def gives_statements(source: Source) -> Script:
    return [Sql("SELECT 1")]  # error: mypy pyright


def gives_a_text_as_body(source: Source) -> Script:
    return Script("SELECT 1")  # error: mypy pyright


def gives_texts(source: Source) -> Script:
    return Script(Body(("SELECT 1",)))  # error: mypy pyright


def gives_another_mode(source: Source) -> Script:
    return Script(Body((Sql("SELECT 1"),), mode="none"))  # error: mypy pyright


async def later(source: Source) -> Script:
    return Script(None)


def sync(connection: object) -> None: ...


Loader("bytes", (".x",), of_bytes)  # error: mypy pyright
Loader("two", (".x",), of_two)  # error: mypy pyright
Loader("text", (".x",), gives_text)  # error: mypy pyright
Loader("async", (".x",), later)  # error: mypy pyright
Loader("suffix", ".x", right)  # error: mypy pyright
Loader("list", [".x"], right)  # error: mypy pyright
Loader("none", (".x",))  # error: mypy pyright
Call(sync, "sync")  # error: mypy pyright


def changes_its_source(source: Source) -> Script:
    source.content = b""  # error: mypy pyright
    return Script(None)
