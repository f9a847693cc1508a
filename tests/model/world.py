"""The folder and the database of one example, and what trek does there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator, TrekError

if TYPE_CHECKING:
    from tests.model.expected import File

CLEAN = """
    DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE ran (number bigint GENERATED ALWAYS AS IDENTITY, way text, revision text);
    CREATE TABLE gate (revision text);
    CREATE TABLE once (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
"""
PLANTED = {
    "wrong": "SELECT 1 / (count(*) - count(*)) FROM ran;",
    "twice": "CREATE TEMP TABLE two (id int PRIMARY KEY) ON COMMIT DROP; INSERT INTO two VALUES (1), (1);",
    "late": "INSERT INTO once VALUES (1), (1);",
    "dies": "SELECT pg_terminate_backend(pg_backend_pid());",
}


class World:
    """`apply` and the like give the error that was raised, or the report."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self.folder = dsn, folder
        self.loop = asyncio.new_event_loop()
        self.onlooker = self.run(asyncpg.connect(dsn))
        self.run(self.onlooker.execute(CLEAN))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.onlooker.close())
        self.loop.close()

    # ----------------------------------------------------------------------- the folder
    def write(self, file: File) -> None:
        self.remove(file.revision)
        name = f"{file.revision}_m" + (".py" if file.kind in ("python", "raises") else ".sql")
        (self.folder / name).write_text(python(file) if name.endswith(".py") else sql(file))

    def remove(self, revision: str) -> None:
        for path in self.folder.glob(f"{revision}_*"):
            path.unlink()

    # ----------------------------------------------------------------------- runs
    def migrate(self, target: str, *, as_one: bool = False) -> Any:
        return self.run(self._tried(self._migrator(as_one).migrate(target)))

    def race(self, target: str, *, as_one: bool = False) -> list[Any]:
        async def both() -> list[Any]:
            return await asyncio.gather(*(self._tried(self._migrator(as_one).migrate(target)) for _ in range(2)))

        return self.run(both())

    def stamp(self, target: str) -> Any:
        return self.run(self._tried(self._migrator().stamp(target)))

    def repair(self, revision: str, *, applied: bool) -> Any:
        return self.run(self._tried(self._migrator().repair(revision, applied=applied)))

    def open_gate(self, revision: str) -> None:
        self.run(self.onlooker.execute("INSERT INTO gate VALUES ($1)", revision))

    def _migrator(self, as_one: bool = False) -> Migrator:
        return Migrator(AsyncpgBackend(self.dsn), self.folder, transaction="plan" if as_one else "each")

    async def _tried(self, work: Any) -> Any:
        try:
            return await work
        except TrekError as error:
            return error

    # ----------------------------------------------------------------------- looking
    def ran(self) -> list[tuple[str, str]]:
        rows = self.run(self.onlooker.fetch("SELECT way, revision FROM ran ORDER BY number"))
        return [tuple(row) for row in rows]

    def status(self) -> Any:
        return self.run(self._migrator().status())

    def held(self) -> int:
        """Advisory locks and open transactions that somebody left."""
        return self.run(
            self.onlooker.fetchval(
                "SELECT (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                " WHERE d.datname = current_database() AND l.locktype = 'advisory')"
                " + (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%')"
            )
        )


def sql(file: File) -> str:
    """up leaves its row; `half` leaves one before it stops at a gate that is closed."""
    lines = [f"-- edited {file.edits} times"]
    lines += [f"-- trek: requires {' '.join(file.requires)}"] if file.requires else []
    lines += [f"-- trek: replaces {' '.join(file.replaces)}"] if file.replaces else []
    lines += ["-- trek: no-transaction"] if file.kind in ("outside", "half") else []
    if file.kind == "half":
        lines.append(f"INSERT INTO ran (way, revision) VALUES ('half', '{file.revision}');")
        lines.append(f"SELECT 1 / count(*) FROM gate WHERE revision = '{file.revision}';")
    lines.append(f"INSERT INTO ran (way, revision) VALUES ('up', '{file.revision}');")
    lines.append(PLANTED.get(file.kind, f"-- {file.edits}"))
    if file.back:
        lines += ["-- trek: down", f"INSERT INTO ran (way, revision) VALUES ('down', '{file.revision}');"]
    return "\n".join(lines) + "\n"


def python(file: File) -> str:
    insert = "    await connection.execute(\"INSERT INTO ran (way, revision) VALUES ('{}', '{}')\")\n"
    text = f"# edited {file.edits} times\nrequires = {list(file.requires)!r}\n"
    text += "\n\nasync def upgrade(connection):\n" + insert.format("up", file.revision)
    text += "    {}['planted']\n" if file.kind == "raises" else ""
    if file.back:
        text += "\n\nasync def downgrade(connection):\n" + insert.format("down", file.revision)
    return text
