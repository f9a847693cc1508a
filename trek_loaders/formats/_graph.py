"""Revisions that name those they depend on, in an order that a list can have."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_core.plugin import Arrangement


def in_order(names: Sequence[str], parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Each after its parents, and where that leaves a choice the first of the names; those on a cycle come last.

    A cycle, and a parent that nobody has, trek's core refuses.
    """
    waits = {name: {parent for parent in parents[name] if parent in parents} for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    for name, others in waits.items():
        for other in others:
            children[other].append(name)
    place = {name: at for at, name in enumerate(names)}
    ready = [at for name, at in place.items() if not waits[name]]
    heapify(ready)
    found = dict[str, None]()
    while ready:
        name = names[heappop(ready)]
        found[name] = None
        for child in children[name]:
            waits[child].discard(name)
            if not waits[child]:
                heappush(ready, place[child])
    return [*found, *(name for name in names if name not in found)]


def heads(arrangement: Arrangement) -> list[str]:
    """The revisions on which no other builds."""
    named = {alias: entry.revision for entry in arrangement.entries for alias in entry.aliases}
    parents = {named.get(parent, parent) for entry in arrangement.entries for parent in entry.parents}
    return [entry.revision for entry in arrangement.entries if entry.revision not in parents]
