"""A folder in memory, and the format asyncpg-trek as its registration offers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from trek_core.model import Body, Direction, Entry, Facts, File, Hop, Script, Sql, State
from trek_loaders.formats import asyncpg_trek

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trek_core.contracts import Layout, VersionStore

CHAIN = (
    "20240101_initial_up_one.sql",
    "20240102_one_up_two.sql",
    "20240103_two_up_three.sql",
    "20240101_one_down_initial.sql",
    "20240102_two_down_one.sql",
    "20240103_three_down_two.sql",
)
PY = "async def run_migration(connection):\n    await connection.execute('select 1')\n"


@dataclass
class MemoryTree:
    """Files by name. Its .sql loader takes the whole text for the direction."""

    contents: Mapping[str, str]
    facts: Facts = field(default_factory=Facts)
    was_read: list[str] = field(default_factory=list)

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(File(path, "migrations") for path in self.contents)

    def read(self, file: File) -> bytes:
        self.was_read.append(file.path)
        return self.contents[file.path].encode()

    def suffix(self, file: File) -> str:
        return next((end for end in (".sql", ".py", ".sql.j2") if file.name.endswith(end)), "")

    def load(self, file: File, direction: Direction | None = None) -> Script:
        body = Body((Sql(self.read(file).decode(), str(file)),))
        return Script(body) if direction is Direction.up else Script(None, body)


@dataclass
class EntriesCatalog:
    entries: tuple[Entry, ...]

    def get(self, revision: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.revision == revision), None)


def make_layout() -> Layout:
    (provider,) = asyncpg_trek.trek_register_layouts()
    return provider.create(provider.settings())


def make_store(**settings: Any) -> VersionStore:
    (provider,) = asyncpg_trek.trek_register_version_stores()
    return provider.create(provider.settings(**settings))


def tree_of(names: Iterable[str]) -> MemoryTree:
    return MemoryTree({name: PY if name.endswith(".py") else f"select '{name}'" for name in names})


def catalog_of(names: Iterable[str]) -> EntriesCatalog:
    return EntriesCatalog(make_layout().arrange(tree_of(names)).entries)


def standing(*applied: str) -> State:
    return State(applied, current=applied[-1] if applied else None)


def hops(names: Iterable[str], state: State, target: str, direction: Direction | None = None) -> tuple[Hop, ...]:
    route = make_layout().route
    assert route is not None
    return tuple(route(catalog_of(names), state, target, direction))


def steps(names: Iterable[str], state: State, target: str, direction: Direction | None = None) -> list[str]:
    """The route as "from>to" for each hop."""
    found = hops(names, state, target, direction)
    return [f"{''.join(hop.before) or 'initial'}>{''.join(hop.after) or 'initial'}" for hop in found]


def edges_by_trek(names: Iterable[str]) -> set[tuple[str, str, str]]:
    entries = make_layout().arrange(tree_of(names)).entries
    edges = [edge for entry in entries for edge in cast("tuple[Any, ...]", entry.meta["edges"])]
    return {(edge.source, edge.direction.name, edge.target) for edge in edges}
