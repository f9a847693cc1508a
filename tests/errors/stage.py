"""What a case of bad input is made of, and where it is played: a folder, a database, and a witness."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trek_asyncpg import migrate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from tests.support.databases import Connection, Database, Roles
    from trek_core import Report, TrekError

OBJECTS = (
    "SELECT 'class', oid, xmin::text, relname FROM pg_class WHERE oid >= 16384"
    " UNION ALL SELECT 'schema', oid, xmin::text, nspname FROM pg_namespace"
    " UNION ALL SELECT 'type', oid, xmin::text, typname FROM pg_type WHERE oid >= 16384"
    " UNION ALL SELECT 'function', oid, xmin::text, proname FROM pg_proc WHERE oid >= 16384"
    " UNION ALL SELECT 'constraint', oid, xmin::text, conname FROM pg_constraint WHERE oid >= 16384"
)
TABLES = (
    "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE relkind = 'r' AND c.oid >= 16384 AND nspname !~ '^pg_'"
)
VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+[\d:]+"), "2026-03-01T03:00:00+00:00"),
    (re.compile(r"(?<=\[Errno )\d+"), "111"),
    (re.compile(r"(?<=server process )\d+|(?<=pg_terminate_backend\()\d+|(?<=pg_cancel_backend\()\d+"), "4711"),
    (re.compile(r"(?<=server process 4711 of )[^,]+"), "app"),
    (re.compile(r"(?<=, idle in transaction, )\d+(?= s)"), "63"),
    (re.compile(r"(?<=Tried )\d+ times in [\d.]+(?= s)"), "27 times in 60.2"),
    (re.compile(r"(?<=, user )'[^']*'"), "'app'"),
    (re.compile(r"(?<=within )[\d.]+(?= s)"), "60.0"),
    (re.compile(r"(?<=busy for )\d+(?= s)|(?<=, taken )\d+(?= s ago)"), "95"),
    (re.compile(r"trek_test_[0-9a-f]{16}"), "shop"),
    (re.compile(r"trek_role_\d+_\d+"), "reporting"),
)
"""What runs or systems do not share, and what stands for it: times, error numbers, pids, users, durations, databases, roles."""


@dataclass(slots=True)
class Stage:
    """One case's folder `migrations` (the current directory is above it) and its database."""

    root: Path
    database: Database
    connection: Connection
    other: Connection
    make_role: Roles
    fixture: Callable[[str], Any]
    keep: dict[str, Any] = field(default_factory=dict)
    """What `before` hands to `act`."""
    instead: dict[str, str] = field(default_factory=dict)
    """More texts that vary, and what stands for them in the message."""

    def write(self, files: Mapping[str, str | bytes]) -> None:
        folder = self.root / "migrations"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    async def migrate(self, target: str = "head", **options: Any) -> Report:
        return await migrate(self.connection, "migrations", target, **options)

    def normal(self, message: str) -> str:
        """The message with a stand-in for everything that varies."""
        for found, shown in {**self.instead, str(self.root): "/srv/app"}.items():
            message = message.replace(found, shown)
        for pattern, shown in VARIES:
            message = pattern.sub(shown, message)
        return message


async def nothing(stage: Stage) -> None:
    """No preparation."""


async def up(stage: Stage) -> object:
    """`migrate(connection, "migrations")`."""
    return await stage.migrate()


def to(target: str, **options: Any) -> Callable[[Stage], Awaitable[object]]:
    """The same, to a target."""

    async def act(stage: Stage) -> object:
        return await stage.migrate(target, **options)

    return act


@dataclass(frozen=True, slots=True)
class Case:
    """One situation. `says`: file and line, the value, and the way on, as far as there are such.

    before: brings the stage into the situation; what it leaves is no change. act: raises `error`.
    writes: whether something of the run stays; else the witness must see the database as it was.
    """

    name: str
    error: type[TrekError]
    says: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    before: Callable[[Stage], Awaitable[object]] = nothing
    act: Callable[[Stage], Awaitable[object]] = up
    writes: bool = False


async def witnessed(connection: Connection) -> list[tuple[object, ...]]:
    """Every object of the database with the transaction that wrote it, and every row of every table."""
    found: list[tuple[object, ...]] = sorted(tuple(row) for row in await connection.fetch(OBJECTS))
    for (table,) in await connection.fetch(TABLES):
        rows = await connection.fetch(f"SELECT '{table}', ctid::text, t::text FROM {table} AS t ORDER BY 2")
        found += [tuple(row) for row in rows]
    return found
