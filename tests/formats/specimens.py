"""Small folders in the grammar of each format, made of the same steps: what tests/formats/test_every_format.py runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.formats.test_atlas import summed
from tests.formats.test_graphile_migrate import committed, hashed
from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator
from trek_loaders import formats
from trek_loaders.formats import asyncpg_trek

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.support.databases import Connection


@dataclass(frozen=True)
class Step:
    """A migration. up, down: its SQL. outside: not in a transaction."""

    up: str
    down: str = ""
    outside: bool = False


@dataclass(frozen=True)
class Specimen:
    """A format. write: path -> text of some steps. table: its history. down, outside: whether it has such."""

    format: str
    write: Callable[[Sequence[Step]], Mapping[str, str]]
    table: str
    down: bool = True
    outside: bool = True
    begun: bool = False
    """Whether the table keeps what failed outside a transaction."""
    grows: bool = False
    """Whether a way back is a row, too."""
    batch: int = 4
    """The client's message with the migrations: after the startup, the history, the lock and the history again."""

    def migrator(self, connection: Connection | str, folder: Path, steps: Sequence[Step], **options: Any) -> Migrator:
        """Of a folder with these steps and no others."""
        for path, text in self.write(steps).items():
            (folder / path).parent.mkdir(exist_ok=True, parents=True)
            (folder / path).write_text(text, encoding="utf-8")
        return Migrator(self.backend(connection), folder, **options)

    def backend(self, connection: Connection | str) -> AsyncpgBackend:
        return AsyncpgBackend(connection, format=self.format, plugins=[formats, asyncpg_trek])

    @property
    def messages(self) -> int:
        """How many the client sends at most where all migrations share a query: the last one ends the session."""
        return self.batch + 2

    async def shown(self, connection: Connection) -> list[str]:
        """The history's rows."""
        return [
            row["shown"] for row in await connection.fetch(f"SELECT t::text AS shown FROM {self.table} t ORDER BY 1")
        ]


def _alembic(steps: Sequence[Step]) -> dict[str, str]:
    files = dict[str, str]()
    for n, step in enumerate(steps, 1):
        before = f'"r{n - 1}"' if n > 1 else "None"
        files[f"r{n}.py"] = f'"""step {n}"""\nrevision = "r{n}"\ndown_revision = {before}\n'
        first = "-- trek: no-transaction\n" if step.outside else ""
        files[f"r{n}.up.sql"], files[f"r{n}.down.sql"] = first + step.up, first + step.down
    return files


def _asyncpg_trek(steps: Sequence[Step]) -> dict[str, str]:
    files = dict[str, str]()
    for n, step in enumerate(steps, 1):
        before = f"r{n - 1}" if n > 1 else "initial"
        first = "-- trek: no-transaction\n" if step.outside else ""
        files[f"2024{n:04}_{before}_up_r{n}.sql"] = first + step.up
        files[f"2024{n:04}_r{n}_down_{before}.sql"] = first + step.down
    return files


def _atlas(steps: Sequence[Step]) -> dict[str, str]:
    none = "-- atlas:txmode none\n\n"
    return summed({f"2024{n:04}_t.sql": (none if step.outside else "") + step.up for n, step in enumerate(steps, 1)})


def _blocks(up: str, down: str, outside: str = "") -> Callable[[Step], str]:
    def text(step: Step) -> str:
        more = outside if step.outside else ""
        return f"{up}{more}\n{step.up}\n{down}{more}\n{step.down}\n"

    return text


def _file(name: str, text: Callable[[Step], str]) -> Callable[[Sequence[Step]], dict[str, str]]:
    return lambda steps: {name.format(n): text(step) for n, step in enumerate(steps, 1)}


def _pair(up: str, down: str, outside: str = "") -> Callable[[Sequence[Step]], dict[str, str]]:
    def write(steps: Sequence[Step]) -> dict[str, str]:
        files = dict[str, str]()
        for n, step in enumerate(steps, 1):
            first = outside if step.outside else ""
            files[up.format(n)], files[down.format(n)] = first + step.up, first + step.down
        return files

    return write


def _diesel(steps: Sequence[Step]) -> dict[str, str]:
    files = _pair("{:04}_t/up.sql", "{:04}_t/down.sql")(steps)
    for n, step in enumerate(steps, 1):
        if step.outside:
            files[f"{n:04}_t/metadata.toml"] = "run_in_transaction = false\n"
    return files


def _drizzle(steps: Sequence[Step]) -> dict[str, str]:
    files = {f"{n:04}_t.sql": step.up for n, step in enumerate(steps, 1)}
    entries = [{"idx": n, "when": n, "tag": f"{n:04}_t"} for n, _ in enumerate(steps, 1)]
    return {**files, "meta/_journal.json": json.dumps({"dialect": "postgresql", "entries": entries}, indent=1)}


def _goose(step: Step) -> str:
    first = "-- +goose NO TRANSACTION\n" if step.outside else ""
    return f"{first}-- +goose Up\n{step.up}\n-- +goose Down\n{step.down}\n"


def _graphile(steps: Sequence[Step]) -> dict[str, str]:
    files, previous = dict[str, str](), ""
    for n, step in enumerate(steps, 1):
        body = ("--! no-transaction\n" if step.outside else "") + step.up
        files[f"committed/{n:06}.sql"], previous = committed(body, previous), hashed(body, previous)
    return files


def _liquibase(steps: Sequence[Step]) -> dict[str, str]:
    lines = ["--liquibase formatted sql"]
    for n, step in enumerate(steps, 1):
        outside = " runInTransaction:false" if step.outside else ""
        lines += [f"--changeset ann:{n}{outside}", step.up, *(f"--rollback {line}" for line in step.down.splitlines())]
    return {"changelog.sql": "\n".join(lines) + "\n"}


def _sql_migrate(step: Step) -> str:
    none = " notransaction" if step.outside else ""
    return f"-- +migrate Up{none}\n{step.up}\n-- +migrate Down{none}\n{step.down}\n"


def _pogo(steps: Sequence[Step]) -> dict[str, str]:
    files = dict[str, str]()
    for n, step in enumerate(steps, 1):
        depends = f"2024{n - 1:04}_01_abcde-t" if n > 1 else ""
        outside = "-- transaction: false\n" if step.outside else ""
        text = (
            f"-- t\n-- depends: {depends}\n{outside}\n-- migrate: apply\n{step.up}\n-- migrate: rollback\n{step.down}\n"
        )
        files[f"2024{n:04}_01_abcde-t.sql"] = text
    return files


def _sqitch(steps: Sequence[Step]) -> dict[str, str]:
    files, plan = dict[str, str](), ["%project=shop", ""]
    for n, step in enumerate(steps, 1):
        plan.append(f"c{n} 2026-11-23T10:00:{n:02}Z Ann Dev <ann@example.com> # a step")
        for way, sql in (("deploy", step.up), ("revert", step.down)):
            files[f"{way}/c{n}.sql"] = f"-- {n}\n{sql}\n" if step.outside else f"BEGIN; -- {n}\n{sql}\nCOMMIT;\n"
    return {**files, "sqitch.plan": "\n".join(plan) + "\n"}


def _yoyo(steps: Sequence[Step]) -> dict[str, str]:
    files = dict[str, str]()
    for n, step in enumerate(steps, 1):
        depends = f"-- depends: {n - 1:04}.t\n" if n > 1 else ""
        outside = "-- transactional: false\n" if step.outside else ""
        files[f"{n:04}.t.sql"], files[f"{n:04}.t.rollback.sql"] = f"{depends}{outside}{step.up}\n", step.down
    return files


def _up(step: Step) -> str:
    return step.up


SPECIMENS = (
    Specimen("alembic", _alembic, "alembic_version"),
    Specimen("asyncpg-trek", _asyncpg_trek, "migrations", grows=True),
    Specimen("atlas", _atlas, "atlas_schema_revisions.atlas_schema_revisions", down=False, begun=True),
    Specimen(
        "dbmate",
        _file("{:04}_t.sql", _blocks("-- migrate:up", "-- migrate:down", " transaction:false")),
        "schema_migrations",
    ),
    Specimen("diesel", _diesel, "__diesel_schema_migrations"),
    Specimen("drizzle", _drizzle, "drizzle.__drizzle_migrations", down=False, outside=False),
    Specimen("flyway", _pair("V{}__t.sql", "U{}__t.sql"), "flyway_schema_history", begun=True),
    Specimen("golang-migrate", _pair("{:04}_t.up.sql", "{:04}_t.down.sql"), "schema_migrations", begun=True, batch=5),
    Specimen("goose", _file("{:05}_t.sql", _goose), "goose_db_version"),
    Specimen("graphile-migrate", _graphile, "graphile_migrate.migrations", down=False),
    Specimen("liquibase", _liquibase, "databasechangelog", batch=5),
    Specimen(
        "node-pg-migrate",
        _file("{:013}_t.sql", _blocks("-- Up Migration", "-- Down Migration")),
        "pgmigrations",
        outside=False,
    ),
    Specimen("pogo-migrate", _pogo, "_pogo_migration"),
    Specimen("postgrator", _pair("{:03}.do.t.sql", "{:03}.undo.t.sql"), "schemaversion"),
    Specimen("prisma", _file("2024{:04}_t/migration.sql", _up), "_prisma_migrations", down=False, begun=True),
    Specimen("refinery", _file("V{}__t.sql", _up), "refinery_schema_history", down=False, outside=False),
    Specimen("sqitch", _sqitch, "sqitch.changes"),
    Specimen("sql-migrate", _file("{:04}_t.sql", _sql_migrate), "gorp_migrations"),
    Specimen("sqlx", _pair("{:04}_t.up.sql", "{:04}_t.down.sql", "-- no-transaction\n"), "_sqlx_migrations"),
    Specimen("supabase", _file("2024{:04}_t.sql", _up), "supabase_migrations.schema_migrations", down=False),
    Specimen(
        "tern",
        _file(
            "{:03}_t.sql",
            lambda step: (
                f"{'---- tern: disable-tx ----' if step.outside else ''}\n{step.up}\n---- create above / drop below ----\n"
                f"{'---- tern: disable-tx ----' if step.outside else ''}\n{step.down}\n"
            ),
        ),
        "schema_version",
    ),
    Specimen("yoyo", _yoyo, "_yoyo_migration"),
)
