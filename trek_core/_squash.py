"""Which squashes stand for what they replace, and which stand aside for their originals. The history decides.

A squash of which nothing is applied is used. One that is applied, or all of whose originals are, counts as applied.
Where some are applied, the originals are used to the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trek_core._catalog import EntryCatalog
from trek_core._dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Squashes:
    """covered: replaced revision -> the squash that stands for it, the outermost. opened: squashes that stand aside.

    fileless: originals of opened squashes that no file has; they count, but nothing can be run for them.
    """

    covered: Mapping[str, str]
    opened: frozenset[str]
    fileless: frozenset[str]


def settle(catalog: EntryCatalog, applied: Collection[str], wanted: str | None = None) -> Squashes:
    """Decides for every squash. `wanted`: the target; squashes around it are opened if nothing of them is applied yet."""
    if not catalog.replaced:
        return Squashes({}, frozenset(), frozenset())
    done, touched = _progress(catalog, applied)
    wanted_open = set(_around(catalog, wanted))
    covered: dict[str, str] = {}
    opened = set()
    for squash, members in catalog.replaced.items():
        if squash in done:
            opens = squash not in applied and whole(catalog, squash)
        else:
            opens = squash in touched or squash in wanted_open or catalog.names[squash].skip is not None
        if opens and squash not in covered:
            opened.add(squash)
        else:
            covered.update(dict.fromkeys(members, covered.get(squash, squash)))
    return Squashes(covered, frozenset(opened), _fileless(catalog, applied, opened))


def _progress(catalog: EntryCatalog, applied: Collection[str]) -> tuple[set[str], set[str]]:
    """What counts as applied, and what is at least begun."""
    done = set(applied)
    for squash, members in catalog.replaced.items():
        if squash in done:
            done.update(members)
    touched = set(done)
    for squash in reversed(list(catalog.replaced)):
        members = catalog.replaced[squash]
        if done.issuperset(members):
            done.add(squash)
        if not touched.isdisjoint(members):
            touched.add(squash)
    return done, touched


def _around(catalog: EntryCatalog, wanted: str | None) -> list[str]:
    """The squashes around a revision, if all of them can be opened."""
    around = []
    name = catalog.owners.get(wanted) if wanted is not None else None
    while name is not None:
        around.append(name)
        name = catalog.owners.get(name)
    return around if all(whole(catalog, squash) for squash in around) else []


def whole(catalog: EntryCatalog, squash: str) -> bool:
    """Whether every original has its file, or is the business of a squash within this one."""
    return all(name in catalog.rank or catalog.owners[name] != squash for name in catalog.replaced[squash])


def _fileless(catalog: EntryCatalog, applied: Collection[str], opened: Collection[str]) -> frozenset[str]:
    return frozenset(
        name
        for squash in opened
        for name in catalog.replaced[squash]
        if name not in catalog.rank
        and catalog.owners[name] == squash
        and (name in applied or catalog.names[squash].skip is None)
    )
