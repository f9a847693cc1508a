"""Several units as one query, and the next query, which is written while the server works on the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trek_asyncpg._prepared import Prepared
from trek_asyncpg._several import Query

if TYPE_CHECKING:
    from trek_asyncpg._groups import Group, Groups
    from trek_asyncpg._several import Ended
    from trek_asyncpg._unit import Unit
    from trek_core.plugin import Action, Record


class Queries:
    """Those of a run's groups. unit: makes one of several."""

    def __init__(self, groups: Groups, unit: Callable[[Action, Record], Unit]) -> None:
        self.groups, self._unit, self.prepared = groups, unit, Prepared()
        self._ahead: tuple[Group, Query] | None = None

    def of(self, group: Group) -> Query:
        """The group's query: the one that was written before, if it was."""
        if self._ahead is not None and self._ahead[0] is group:
            return self._ahead[1]
        return Query.of([self._unit(action, record) for action, record in group.pairs], self.prepared)

    def write_ahead(self) -> None:
        """Writes the query of the group that will most likely come next."""
        group = self.groups.ahead()
        if group is not None and group.may_share:
            self._ahead = group, self.of(group)

    def ended(self, group: Group, ended: Ended) -> None:
        """What of it must be sent anew is put back. After a failure a query has other limits than were written before."""
        if not ended.whole:
            self._ahead = None
        self.groups.again(group[part] for part in ended.again)
