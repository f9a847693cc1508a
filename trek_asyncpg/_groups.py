"""Which units go to the server in one query."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from trek_core.plugin import Action, Record, Sql, dataclass, script

Pair = tuple[Action, Record]

MOST_BYTES = 1_000_000
"""Of one query: beyond that there is no round trip worth saving, and driver and server hold all of it in memory."""
AROUND = 160  # bytes, about: a marker and a separator


@dataclass(frozen=True, slots=True)
class Group:
    """What is sent next: units that may share a query, if only there were more of them, or one that must be alone.

    more: another one of those that share was behind it when it was read.
    """

    pairs: Sequence[Pair]
    may_share: bool
    more: bool = False

    def __getitem__(self, part: slice) -> Group:
        return Group(self.pairs[part], self.may_share)


class Groups:
    """The units of a run in groups, in order. Read ahead by one group and the unit after it, where asked by two."""

    def __init__(self, units: Iterable[Pair], together: Callable[[], int]) -> None:
        """together: how many units a query may carry at most; asked for each of them, as it is read."""
        self._units, self._together = units, together
        self._coming = self._read()
        self._known: deque[Group] = deque()
        self._all_read = False

    def __iter__(self) -> Iterator[Group]:
        return self

    def __next__(self) -> Group:
        return self._known.popleft() if self._known else next(self._coming)

    @property
    def end(self) -> bool:
        """Whether nothing comes after the group that was taken last. Not known of one that must be alone."""
        return self._all_read and not self._known

    def more(self, group: Group) -> bool:
        """Whether behind the group that was taken last comes another one of those that share."""
        return self._known[0].may_share if self._known else group.more

    def again(self, groups: Iterable[Group]) -> None:
        """What is to come next, instead of the group that was taken last."""
        self._known.extendleft(reversed([group for group in groups if group.pairs]))

    def ahead(self) -> Group | None:
        """The group that will be taken next, unless others are put before it. An error is raised when it is taken."""
        try:
            self._known.extend(() if self._known else islice(self._coming, 1))
        except Exception as error:  # noqa: BLE001 - whoever takes the group gets it
            self._coming = _failing(error)
        return self._known[0] if self._known else None

    def _read(self) -> Iterator[Group]:
        waiting: list[Pair] = []
        size = 0
        try:
            for pair in self._units:
                most = self._together()
                alone = most <= 1 or not _may_share(*pair)
                more = 0 if alone else _bytes(*pair)
                if waiting and (alone or size + more > MOST_BYTES or len(waiting) >= most):
                    yield Group(waiting, may_share=True, more=not alone)
                    waiting, size = [], 0
                if alone:
                    yield Group([pair], may_share=False)
                else:
                    waiting.append(pair)
                    size += more
        except Exception:  # whoever makes the units failed at a later one: these are good
            if waiting:
                yield Group(waiting, may_share=True)
            raise
        self._all_read = True
        if waiting:
            yield Group(waiting, may_share=True)


def _failing(error: Exception) -> Iterator[Group]:
    raise error
    yield


def _may_share(action: Action, record: Record) -> bool:
    """Not what runs outside a transaction, is no SQL, or leaves a session in which the next one must not run."""
    body = script.statements(action)
    return (
        action.mode == "transaction"
        and all(isinstance(part, Sql) for part in (*record.begin, *body, *record.finish))
        and not any(isinstance(part, Sql) and part.controls_transaction for part in body)
        and not script.changes_settings(action.body)
    )


def _bytes(action: Action, record: Record) -> int:
    parts = (*script.opening(action, record), *script.statements(action), *record.finish)
    return sum(AROUND + _length(part.text) for part in parts if isinstance(part, Sql))


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
