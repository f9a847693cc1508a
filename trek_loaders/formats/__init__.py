"""Formats of other tools: a module or a package each, layout and store together, and a line each in `TOOLS`.

A tool's module has `make_layout(settings) -> Layout` and `make_store(settings) -> VersionStore`. It is imported when its
format is wanted: every run asks what is on offer, and seldom wants one of these. asyncpg-trek has an entry point of its own.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trek_core.plugin import LoadError, NoSettings, Provider, dataclass, hookimpl, replace
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
    from collections.abc import Callable, Iterable, Sequence

    from trek_core.plugin import Arrangement, Layout, Signs, Tree, VersionStore


@dataclass(frozen=True, slots=True)
class Tool:
    """module: below this package. store, layout: the settings that each takes. several: whether the tool itself reads
    several folders as one.
    """

    module: str
    store: type = TableSettings
    layout: type = NoSettings
    several: bool = False


TOOLS = {
    "alembic": Tool("alembic"),
    "atlas": Tool("atlas"),
    "dbmate": Tool("dbmate", several=True),
    "diesel": Tool("diesel"),
    "drizzle": Tool("drizzle"),
    "flyway": Tool("flyway", layout=FlywaySettings, several=True),
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
    "yoyo": Tool("yoyo", several=True),
}


@hookimpl
def trek_register_layouts() -> Iterable[Provider[Layout]]:
    """The folders."""
    return [Provider(name, partial(_layout, name, tool), tool.layout) for name, tool in TOOLS.items()]


@hookimpl
def trek_register_version_stores() -> Iterable[Provider[VersionStore]]:
    """The tables."""
    return [Provider(name, partial(_make, tool.module, "make_store"), tool.store) for name, tool in TOOLS.items()]


@hookimpl
def trek_register_signs() -> Iterable[Provider[Sequence[Signs]]]:
    """By what the tools are known, those too whose format is not here."""
    return [Provider("formats", lambda _: import_module(f"{__name__}._signs").SIGNS)]


def _layout(name: str, tool: Tool, settings: object) -> Layout:
    made: Layout = _make(tool.module, "make_layout", settings)
    return made if tool.several else replace(made, arrange=partial(_of_one_folder, name, made.arrange))


def _of_one_folder(name: str, arrange: Callable[[Tree], Arrangement], tree: Tree) -> Arrangement:
    """Raises `LoadError` for a second folder: the tool, which reads one, would never see what trek applies of it."""
    roots = {file.root: file for file in tree.files}
    if len(roots) > 1:
        first, second, *_ = roots
        problem = f"in a second folder: {name} has one, and {first} is the other"
        raise LoadError(str(roots[second]), None, problem, "Give trek one folder, as the tool has it.")
    return arrange(tree)


def _make(module: str, function: str, settings: object) -> Any:
    return getattr(import_module(f"{__name__}.{module}"), function)(settings)
