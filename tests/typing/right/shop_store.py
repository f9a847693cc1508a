"""A store, complete, typed throughout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trek_core.plugin import (
    Action,
    Advisory,
    Catalog,
    ConfigError,
    Facts,
    Guard,
    History,
    HistoryRow,
    Lock,
    Provider,
    Record,
    Row,
    RowLock,
    Rows,
    Sql,
    State,
    Statement,
    TrekHooks,
    VersionStore,
    advisory_key,
    create_schema,
    hookimpl,
    quote_ident,
    quote_literal,
    state_of,
)


@dataclass(frozen=True)
class ShopSettings:
    schema: str = "public"


class ShopStore(VersionStore):
    def __init__(self, settings: ShopSettings) -> None:
        self.schema = settings.schema
        self.name = f"{quote_ident(settings.schema)}.steps"

    @property
    def identity(self) -> str:
        return f"{self.schema}.steps"

    def query(self) -> Sql:
        return Sql(f"SELECT pg_catalog.to_jsonb(t) FROM {self.name} t")

    def history(self, rows: Rows | None, facts: Facts) -> History:
        if any("step" not in row for row in rows or ()):
            msg = f"{self.identity} is a table of another shape"
            raise ConfigError(msg)
        data = sorted(rows or (), key=lambda row: int(row["step"]))
        found = tuple(HistoryRow(revision=row["revision"], verb=row["verb"], data=row) for row in data)
        return History(rows is not None, found, len(data) + 1, facts)

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        return super().changed(checksums, row)

    def locks(self, history: History) -> list[Lock]:
        return [Advisory(advisory_key(self.identity)), RowLock(take=Sql("SELECT 1"), release=Sql("SELECT 2"))]

    def prepare(self, history: History) -> Sequence[Statement]:
        return [] if history.exists else [Sql(create_schema(self.schema)), Sql(f"CREATE TABLE {self.name} (step int)")]

    def record(self, action: Action, history: History) -> Record:
        def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Sql, ...]:
            return (Sql(f"SELECT {number}, {quote_literal(phase)}"),)

        begin = (Sql(f"INSERT INTO {self.name} VALUES ({history.next})"),)
        following = replace(history, exists=True, next=history.next + 1)
        guard = Guard(self.schema, "steps", "steps_pkey")
        return Record(begin=begin, progress=progress, failed=begin, guard=guard, history=following)


class Shop(TrekHooks):
    @hookimpl
    def trek_register_version_stores(self) -> Iterable[Provider[VersionStore]]:
        yield Provider("shop", ShopStore, ShopSettings)


plugin = Shop()
