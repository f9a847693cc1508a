"""Stores that lack something, or give something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trek_core.plugin import (
    Action,
    Advisory,
    Catalog,
    Facts,
    History,
    Lock,
    Provider,
    Record,
    Row,
    Rows,
    Sql,
    State,
    Statement,
    VersionStore,
    hookimpl,
)


class Right(VersionStore):
    @property
    def identity(self) -> str:
        return "public.steps"

    def query(self) -> Sql:
        return Sql("SELECT 1")

    def history(self, rows: Rows | None, facts: Facts) -> History:
        return History(rows is not None, facts=facts)

    def state(self, history: History, catalog: Catalog) -> State:
        return State()

    def locks(self, history: History) -> Sequence[Lock]:
        return [Advisory(1)]

    def prepare(self, history: History) -> Sequence[Statement]:
        return []

    def record(self, action: Action, history: History) -> Record:
        return Record(history=history)


class LacksRecord(VersionStore):
    @property
    def identity(self) -> str:
        return "public.steps"

    def query(self) -> Sql:
        return Sql("SELECT 1")

    def history(self, rows: Rows | None, facts: Facts) -> History:
        return History(rows is not None, facts=facts)

    def state(self, history: History, catalog: Catalog) -> State:
        return State()

    def locks(self, history: History) -> Sequence[Lock]:
        return [Advisory(1)]

    def prepare(self, history: History) -> Sequence[Statement]:
        return []


LacksRecord()  # error: mypy pyright


class GivesTexts(Right):
    def query(self) -> str:  # error: mypy pyright
        return "SELECT 1"

    def prepare(self, history: History) -> Sequence[str]:  # error: mypy pyright
        return ["CREATE TABLE steps ()"]


class GivesNone(Right):
    def history(self, rows: Rows | None, facts: Facts) -> History | None:  # error: mypy pyright
        return None


class WantsRows(Right):
    def history(self, rows: Rows, facts: Facts) -> History:  # error: mypy pyright
        return History(bool(rows), facts=facts)


class Awaits(Right):
    async def record(self, action: Action, history: History) -> Record:  # error: mypy pyright
        return Record(history=history)


class WantsConnection(Right):
    def record(self, action: Action, history: History, connection: object) -> Record:  # error: mypy pyright
        return Record(history=history)


class Changed(Right):
    def changed(self, checksums: str, row: Row) -> bool:  # error: mypy pyright
        return False


class NumberedIdentity(Right):
    @property
    def identity(self) -> int:  # error: mypy pyright
        return 1


class KeysAsLocks(Right):
    def locks(self, history: History) -> Sequence[Lock]:
        return [42]  # error: mypy pyright


class WithoutHistory(Right):
    def record(self, action: Action, history: History) -> Record:
        return Record(begin=(Sql("SELECT 1"),))  # error: mypy pyright


class AStatementForATuple(Right):
    def record(self, action: Action, history: History) -> Record:
        return Record(begin=Sql("SELECT 1"), history=history)  # error: mypy pyright


class PutsRows(Right):
    def state(self, history: History, catalog: Catalog) -> State:
        history.next = 5  # error: mypy pyright
        return State(applied=[row.revision for row in history.rows])  # error: mypy pyright


def create(settings: object) -> LacksRecord:
    return LacksRecord()  # error: mypy pyright


@hookimpl
def trek_register_version_stores() -> Iterable[Provider[VersionStore]]:
    yield Provider("right", lambda settings: Right())
    yield Provider("instance", Right())  # error: mypy pyright
    yield Provider("text", lambda settings: "public.steps")  # error: mypy pyright
    yield Right  # error: mypy pyright
