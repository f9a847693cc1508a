"""Revisions that name those they depend on, in an order that a list can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_core.plugin import Arrangement


def listed(names: Sequence[str], parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Each after its parents, and where that leaves a choice the first of the names; those on a cycle come last.

    A cycle, and a parent that nobody has, trek's core refuses.
    """
    found = in_order(names, parents, {name: at for at, name in enumerate(names)})
    known = set(found)
    return [*found, *(name for name in names if name not in known)]


def heads(arrangement: Arrangement) -> list[str]:
    """The revisions on which no other builds."""
    named = {alias: entry.revision for entry in arrangement.entries for alias in entry.aliases}
    parents = {named.get(parent, parent) for entry in arrangement.entries for parent in entry.parents}
    return [entry.revision for entry in arrangement.entries if entry.revision not in parents]
