"""A catalog in which something is replaced, or is not in order already: who stands for whom, and whether there is an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from trek_core._catalog import files_of
from trek_core._graph import Edges, find_cycle, in_order
from trek_core.errors import Cycle, Duplicate

if TYPE_CHECKING:
    from trek_core._catalog import EntryCatalog


def owners(catalog: EntryCatalog, replaced: Edges) -> dict[str, str]:
    """Replaced revision -> the squash that replaces it, the innermost where they nest. Raises `Duplicate`."""
    found: dict[str, str] = {}
    sets = {squash: frozenset(members) for squash, members in replaced.items()}
    for squash, members in replaced.items():
        for name in members:
            other = found.get(name)
            if other is None or squash in sets[other]:
                found[name] = squash
            elif other not in sets[squash]:
                msg = (
                    f"{name} is replaced twice: by {catalog.describe(other)} and by {catalog.describe(squash)}.\n"
                    f"Let one of them replace it, or add {other} to what {squash} replaces."
                )
                raise Duplicate(msg, (name, other, squash))
    return found


def outer_first(catalog: EntryCatalog, replaced: Edges, owners: Mapping[str, str]) -> list[str]:
    """The squashes, each after those that replace it. Raises `Cycle`."""
    outer = {squash: (owners[squash],) for squash in replaced if squash in owners}
    order = in_order(replaced.keys(), outer, catalog.rank)
    if len(order) < len(replaced):
        refuse_cycle(catalog, find_cycle(replaced.keys(), outer, order), "is replaced by")
    return order


def check_order(catalog: EntryCatalog) -> None:
    """Raises `Cycle` where the entries have no order."""
    edges = catalog.parents
    if catalog.replaced:
        edges = {revision: _present(catalog, revision) for revision in catalog.rank}
    ordered(catalog, edges)


def ordered(catalog: EntryCatalog, edges: Edges) -> list[str]:
    """Each name after those that it names. Raises `Cycle`."""
    order = in_order(edges.keys(), edges, catalog.rank)
    if len(order) < len(edges):
        refuse_cycle(catalog, find_cycle(edges.keys(), edges, order))
    return order


def _present(catalog: EntryCatalog, revision: str) -> list[str]:
    """The parents as entries. A squash stands for what has no file any more, except for its own members."""
    found = []
    for name in catalog.parents[revision]:
        if name in catalog.rank:
            found.append(name)
        elif not _within(catalog, revision, catalog.owners[name]):
            found.append(catalog.owners[name])
    return found


def _within(catalog: EntryCatalog, name: str | None, squash: str) -> bool:
    while name is not None and name != squash:
        name = catalog.owners.get(name)
    return name == squash


def refuse_cycle(catalog: EntryCatalog, cycle: tuple[str, ...], verb: str = "requires") -> NoReturn:
    """Raises `Cycle` for names of which each requires the next."""
    facts = [f"{name}: {files_of(catalog.names[name]) if name in catalog.names else 'no file'}" for name in cycle[:-1]]
    msg = "\n  ".join([f"a cycle, each {verb} the next: {' → '.join(cycle)}", *facts])
    msg += "\nTake one of them out of the file that names it."
    raise Cycle(msg, cycle)
