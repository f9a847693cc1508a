"""Formats of other tools: a module or a package each, layout and store together, and a line each in `TOOLS`.

A tool's module has `make_layout(settings) -> Layout` and `make_store(settings) -> VersionStore`. It is imported when its
format is wanted: every run asks what is on offer, and seldom wants one of these. asyncpg-trek has an entry point of its own.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trek_core.plugin import NoSettings, Provider, dataclass, hookimpl
from trek_loaders.formats._settings import (
    ChangelogSettings,
    FlywaySettings,
    LiquibaseSettings,
    Newline,
    Placeholders,
    PogoSettings,
    RefinerySettings,
    SearchPath,
    SqitchSettings,
    TableSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Layout, Signs, VersionStore


@dataclass(frozen=True, slots=True)
class Tool:
    """module: below this package. store, layout: the settings that each takes."""

    module: str
    store: type = TableSettings
    layout: type = NoSettings


TOOLS = {
    "alembic": Tool("alembic"),
    "atlas": Tool("atlas"),
    "dbmate": Tool("dbmate"),
    "diesel": Tool("diesel"),
    "drizzle": Tool("drizzle"),
    "flyway": Tool("flyway", layout=FlywaySettings),
    "golang-migrate": Tool("golang_migrate"),
    "goose": Tool("goose"),
    "graphile-migrate": Tool("graphile_migrate", layout=Placeholders),
    "liquibase": Tool("liquibase", LiquibaseSettings, ChangelogSettings),
    "node-pg-migrate": Tool("node_pg_migrate", layout=SearchPath),
    "pogo-migrate": Tool("pogo_migrate", PogoSettings),
    "postgrator": Tool("postgrator", layout=Newline),
    "prisma": Tool("prisma"),
    "refinery": Tool("refinery", RefinerySettings),
    "sqitch": Tool("sqitch", SqitchSettings),
    "sql-migrate": Tool("sql_migrate"),
    "sqlx": Tool("sqlx"),
    "supabase": Tool("supabase"),
    "tern": Tool("tern"),
    "yoyo": Tool("yoyo"),
}


@hookimpl
def trek_register_layouts() -> Iterable[Provider[Layout]]:
    """The folders."""
    return [Provider(name, partial(_make, tool.module, "make_layout"), tool.layout) for name, tool in TOOLS.items()]


@hookimpl
def trek_register_version_stores() -> Iterable[Provider[VersionStore]]:
    """The tables."""
    return [Provider(name, partial(_make, tool.module, "make_store"), tool.store) for name, tool in TOOLS.items()]


@hookimpl
def trek_register_signs() -> Iterable[Provider[Sequence[Signs]]]:
    """By what the tools are known, those too whose format is not here."""
    return [Provider("formats", lambda _: import_module(f"{__name__}._signs").SIGNS)]


def _make(module: str, function: str, settings: object) -> Any:
    return getattr(import_module(f"{__name__}.{module}"), function)(settings)
