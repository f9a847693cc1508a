"""Histories of other tools that stand in the way, or cannot be copied into another one's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.errors.stage import Case, Stage
from trek_asyncpg import AsyncpgBackend
from trek_core import Changed, ConfigError, Conversion, Migrator, PlanError, Unfinished
from trek_loaders import formats

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GOOSE = {f"{number}_{title}.sql": "-- +goose Up\nSELECT 1;\n" for number, title in ((1, "users"), (2, "orders"))}
MIXED = {**GOOSE, "3_bills.up.sql": GOOSE["1_users.sql"]}
PAIRS = {f"{number}_{title}.up.sql": "SELECT 1;\n" for number, title in ((1, "users"), (2, "orders"), (3, "bills"))}
PLAIN = {"1_users.sql": "SELECT 1;\n"}


def migrator(stage: Stage, **options: str) -> Migrator:
    return Migrator(AsyncpgBackend(stage.connection, plugins=[formats], **options), "migrations")  # type: ignore[arg-type]


def convert(source: str, target: str = "native") -> Callable[[Stage], Awaitable[object]]:
    """`trek convert --from … --to …`."""

    async def act(stage: Stage) -> object:
        backend = AsyncpgBackend(stage.connection, plugins=[formats])
        return await Conversion(backend, "migrations", source=source, target=target).run()

    return act


async def used_since(stage: Stage) -> None:
    await migrator(stage, format="goose").migrate("1")
    await convert("goose")(stage)
    await migrator(stage, layout="goose", store="native").migrate()


async def by_goose(stage: Stage) -> None:
    await migrator(stage, format="goose").migrate()


async def by_sqlx(stage: Stage) -> None:
    await migrator(stage, format="sqlx").migrate()


async def without_a_format(stage: Stage) -> object:
    return await migrator(stage).migrate()


async def dirty(stage: Stage) -> None:
    await migrator(stage, format="golang-migrate").migrate("2")
    await stage.connection.execute("UPDATE schema_migrations SET dirty = true")


async def with_a_hole(stage: Stage) -> None:
    trek = migrator(stage, layout="golang-migrate", store="native")
    await trek.migrate()
    await trek.repair("2", applied=False)


async def edited(stage: Stage) -> None:
    await migrator(stage, layout="sqlx", store="native").migrate()
    Path("migrations/1_users.sql").write_text("SELECT 2;\n", encoding="utf-8")


async def swallowed(stage: Stage) -> None:
    """The target's table has a trigger that drops rows."""
    await by_goose(stage)
    await stage.connection.execute(
        "CREATE TABLE trek_seen (i int); CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,"
        " installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,"
        " execution_time bigint NOT NULL);"
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER drop_it BEFORE INSERT ON _sqlx_migrations FOR EACH ROW EXECUTE FUNCTION drop_it()"
    )


CASES = (
    Case(
        "history-of-another-tool",
        ConfigError,
        ("history of sqlx: public._sqlx_migrations, 1 row, the last of 1", 'format = "sqlx"', 'format = "native"'),
        PLAIN,
        by_sqlx,
        without_a_format,
    ),
    Case("convert-nothing", ConfigError, ("goose_db_version was not found", "trek adopt"), GOOSE, act=convert("goose")),
    Case("convert-used-since", PlanError, ("2 is applied", "--from native"), GOOSE, used_since, convert("goose")),
    Case("convert-unfinished", Unfinished, ("2 unfinished", "Settle"), PAIRS, dirty, convert("golang-migrate")),
    Case(
        "convert-no-file",
        PlanError,
        ("for 1, 2, which", "Restore"),
        MIXED,
        by_goose,
        convert("goose", "golang-migrate"),
    ),
    Case(
        "convert-edited",
        Changed,
        ("migrations/1_users.sql: edited", "repair 1"),
        PLAIN,
        edited,
        convert("native", "sqlx"),
    ),
    Case("convert-hole", PlanError, ("holds one", "1, 3"), PAIRS, with_a_hole, convert("native", "golang-migrate")),
    Case("convert-not-kept", PlanError, ("1, 2 would not", "Nothing was"), GOOSE, swallowed, convert("goose", "sqlx")),
)
