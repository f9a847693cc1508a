"""A loader, registered by a function and by a class; neither needs more than the door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from trek_core.plugin import Body, Call, Copy, Loader, LoadError, Script, Source, Sql, TrekHooks, decode, hookimpl
from trek_loaders import sql


async def backfill(connection: Any) -> int:
    return int(await connection.fetchval("SELECT 1"))


def load(source: Source) -> Script:
    text = decode(source)
    if "\t" in text:
        raise LoadError(str(source.file), None, "a tab", "Use spaces.")
    return sql.load(replace(source, content=text.upper().encode()))


def load_list(source: Source) -> Script:
    name = str(source.file)
    statements = (Sql("SELECT 1", name), Copy("COPY t FROM STDIN", "1\n", name), Call(backfill, "backfill", name))
    return Script(Body(statements, mode="autocommit", lock_timeout=2.0), irreversible=True)


@hookimpl
def trek_register_loaders() -> Iterable[Loader]:
    yield Loader("sqlx", (".sqlx",), load)


class AsList(TrekHooks):
    @hookimpl
    def trek_register_loaders(self) -> list[Loader]:
        return [Loader("sqlx", (".sqlx",), load)]


class AsGenerator(TrekHooks):
    @hookimpl
    def trek_register_loaders(self) -> Iterator[Loader]:
        yield Loader("list", (".list",), load_list)
