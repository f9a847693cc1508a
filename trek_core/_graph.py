"""Three small algorithms on graphs of names: an order, an ancestry, the heads. None recurses: chains are 10,000 long."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain

Edges = Mapping[str, Sequence[str]]
"""From a name to those that it points at."""


def in_order(names: Collection[str], before: Edges, rank: Mapping[str, int]) -> list[str]:
    """The names, each after those of `before` that are among them; where that leaves a choice, the lowest rank first.

    Names on a cycle, and what comes after them, are left out: a shorter answer means a cycle (`find_cycle`).
    """
    ordered = sorted(filter(rank.__contains__, names), key=rank.__getitem__)
    if len(ordered) < len(names):
        ordered[:0] = sorted(name for name in names if name not in rank)
    place = dict(zip(ordered, range(len(ordered)), strict=True))
    if all(place.get(other, -1) < at for name, at in place.items() for other in before.get(name, ())):
        return ordered
    return _sorted_out(place, before, rank)


def _sorted_out(chosen: Mapping[str, object], before: Edges, rank: Mapping[str, int]) -> list[str]:
    waits = {name: sum(other in chosen for other in before.get(name, ())) for name in chosen}
    after = turned({name: before.get(name, ()) for name in chosen})
    ready = [(rank.get(name, -1), name) for name, count in waits.items() if not count]
    heapify(ready)
    found = []
    while ready:
        name = heappop(ready)[1]
        found.append(name)
        for other in after.get(name, ()):
            waits[other] -= 1
            if not waits[other]:
                heappush(ready, (rank.get(other, -1), other))
    return found


def find_cycle(names: Collection[str], before: Edges, ordered: Iterable[str]) -> tuple[str, ...]:
    """One cycle among the names that `in_order` left out, its first name again at the end; each points at the next."""
    left = set(names).difference(ordered)
    name = min(left)
    seen: dict[str, None] = {}
    while name not in seen:
        seen[name] = None
        name = min(other for other in before[name] if other in left)
    path = list(seen)
    return (*path[path.index(name) :], name)


def turned(edges: Edges) -> dict[str, list[str]]:
    """The edges the other way round."""
    back: defaultdict[str, list[str]] = defaultdict(list)
    for name, others in edges.items():
        for other in others:
            back[other].append(name)
    return back


def reachable(starts: Iterable[str], edges: Edges) -> dict[str, None]:
    """The starts and everything they lead to; a set that keeps its order."""
    seen = dict.fromkeys(starts)
    stack = list(seen)
    while stack:
        for other in edges.get(stack.pop(), ()):
            if other not in seen:
                seen[other] = None
                stack.append(other)
    return seen


class Heads:
    """The applied names that no applied name has as a parent, kept while names come and go."""

    def __init__(self, applied: Iterable[str], parents: Edges, rank: Mapping[str, int]) -> None:
        self._parents, self._rank = parents, rank
        self._applied = set(applied)
        self._children: dict[str, int] = {}
        for parent in chain.from_iterable(parents.get(name, ()) for name in self._applied):
            self._children[parent] = self._children.get(parent, 0) + 1
        self._heads = sorted(self._key(name) for name in self._applied if not self._children.get(name))
        self._names: tuple[str, ...] | None = None

    def names(self) -> tuple[str, ...]:
        """The heads, by rank."""
        if self._names is None:
            self._names = tuple(name for _, name in self._heads)
        return self._names

    def add(self, name: str) -> None:
        """The name is applied now: its parents are no heads any more."""
        self._applied.add(name)
        parents, children = self._parents.get(name, ()), self._children
        if len(parents) == 1 and self.names() == parents and not children.get(name):  # a link of a chain
            children[parents[0]] = 1
            self._heads, self._names = [self._key(name)], (name,)
            return
        for parent in parents:
            children[parent] = children.get(parent, 0) + 1
            if children[parent] == 1 and parent in self._applied:
                self._drop(parent)
        if not children.get(name):
            self._keep(name)

    def remove(self, name: str) -> None:
        """The name is reverted: parents without another applied child are heads again."""
        self._applied.discard(name)
        if not self._children.get(name):
            self._drop(name)
        for parent in self._parents.get(name, ()):
            self._children[parent] = self._children.get(parent, 0) - 1
            if not self._children[parent] and parent in self._applied:
                self._keep(parent)

    def _key(self, name: str) -> tuple[int, str]:
        return self._rank.get(name, -1), name

    def _keep(self, name: str) -> None:
        insort(self._heads, self._key(name))
        self._names = None

    def _drop(self, name: str) -> None:
        del self._heads[bisect_left(self._heads, self._key(name))]
        self._names = None
