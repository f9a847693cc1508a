"""Version stores: the history table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trek_core.model import Facts, History, Row, Rows, Sql, State, Statement

if TYPE_CHECKING:
    from trek_core.contracts._tree import Catalog
    from trek_core.model import Action, Lock, Record


class VersionStore(ABC):
    """A history table. Pure: it writes SQL and reads rows, it never runs anything. Kit: `trek_core.testing.VersionStoreSuite`.

    S1. trek calls the methods in the order query, history, state, changed, record (once an action), prepare; the executor runs
        what they give. Under the lock it reads again, and asks all the rest again where the history is another.
    S2. The methods have no effects, and the same arguments give equal answers. Only `query` of a store that lives outside the
        database may read: what that store keeps.
    S3. No statement begins or ends a transaction: the executor does.
    """

    keeps_steps: bool = False
    """Whether the rows tell of every statement outside a transaction: trek then goes on by itself with what was left."""

    keeps_begun: bool = True
    """Whether what was begun outside a transaction is in the history before its body runs. Else a failure in the middle leaves
    no trace, the next run begins again with the first statement, and messages say so."""

    needs_facts: bool = False
    """Whether the table's schema, or the lock, depends on the session: trek then asks for the facts where there is no table,
    which is one round trip more."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What a run locks and messages name: "public.trek_history".

        S4. `identity` is a text that is not empty, and another one where the settings name another table, with another history.
        """

    @abstractmethod
    def query(self) -> Sql:
        """One SELECT that reads everything, one JSON object a row (`to_jsonb(t)`), every name qualified.

        S5. In a database without the table the query fails with undefined_table or gives what `history` takes for no table.
        S6. The query changes nothing, and gives what another session committed.
        """

    @abstractmethod
    def history(self, rows: Rows | None, facts: Facts) -> History:
        """The rows as a history; None: there is no table.

        S7. Without a table the history does not exist and has no rows; an empty table exists and has none.
        S8. The rows come in any order and the history is the same, oldest first.
        S9. A table of another shape is a `ConfigError` that names the table.
        S10. `History.facts` are the facts that were given.
        S31. trek gives a store with `needs_facts` complete facts also where there is no table.

        A table that was made a moment ago may be found although nothing of it, its own row in the catalogue included, is in
        the rows yet: that is no table either.
        """

    @abstractmethod
    def state(self, history: History, catalog: Catalog) -> State:
        """Which revisions are applied.

        S11. What was applied or marked is in `applied`, in the order in which that happened, with its row in `rows`.
        S12. What was reverted or unmarked is not, and may be applied again.
        S13. What was begun outside a transaction and did not come to its end is in `unfinished`; an apply is not in `applied`.
        S34. A store that says `keeps_begun = False` concludes the same after a failure outside a transaction as before it, and
            one that keeps no trace of it says so.
        S14. A repair decides: what it marked is applied, what it unmarked is neither applied nor unfinished.
        S15. A squash that is reverted takes along the revisions that it replaces.
        S28. A store with `keeps_steps` tells in `resumes` of each unfinished one how many statements are done, from the first
            on, which was begun, and the checksum of each (`script.prefix_checksums`), in their order.
        """

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        """Whether an applied file was edited since. `checksums` are the entry's, `row` is the raw row.

        S16. A row is unchanged for the checksum that was written with it, for any list that holds it, and for no checksum.
        S17. A row is changed for another checksum.
        """
        written = row.get("checksum")
        return bool(checksums) and written is not None and written not in checksums

    @abstractmethod
    def locks(self, history: History) -> Sequence[Lock]:
        """What to hold during a run, in this order.

        S18. Two stores of one identity have the same locks, and stores of different identities have different ones, unless
            these are another tool's, which excludes itself everywhere.
        S33. A lock that is a row has one holder, also where its table was missing, and is free after him.
        """

    @abstractmethod
    def prepare(self, history: History) -> Sequence[Statement]:
        """What makes the table, or brings it up to date; nothing when it is as it should be.

        S19. The statements run in front of the first record's `begin`, in the same transaction, and make the table; after
            that there are none.
        S20. Of two runners that prepare at once one fails and leaves nothing: no IF NOT EXISTS, a race must be seen.
        """

    @abstractmethod
    def record(self, action: Action, history: History) -> Record:
        """The statements around the action's body. `history` is as the action before left it (`Record.history`).

        S21. Several actions of one plan are recorded each, in their order.
        S22. Of a body that fails in a transaction no trace remains, and none of a record whose transaction is rolled back, but
            rows of the state `ROLLED_BACK` that `failed` writes; what is applied and unfinished is as before.
        S23. Names, titles and checksums come back as they were given, whatever characters they have.
        S24. Of two runners that `begin` the same step one gets the violation of `Record.guard`, before its body runs.
        S25. mark and unmark write the history although there is no body.
        S26. A transactional migration is done when its transaction is: the same query, a moment later, says so.
        S27. A migration outside a transaction is done after its last statement, and not before.
        S29. The record of an action that resumes takes the next step with its `begin`, before anything runs: whoever had begun
            it can write none of its rows any more, nor its end.
        S30. After its finish the action is done, and nothing of it unfinished; after another failure it may resume again.
        S32. A statement with a `form` is that form filled with its `literals`: an executor may prepare the form once.
        S35. `Record.afterwards` alone, behind the body, says the same as begin and finish; of two runners that write the same
            step with it one gets the violation of `Record.guard`.
        """
