"""What counts as "there is no table", whatever way a store's query asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trek_asyncpg import AsyncpgExecutor
from trek_core.plugin import Sql

if TYPE_CHECKING:
    from tests.support.databases import Connection


@pytest.mark.parametrize(
    "query",
    [
        "SELECT pg_catalog.to_jsonb(t) FROM public.nowhere t",
        "SELECT pg_catalog.to_jsonb(t) FROM no_schema.nowhere t",
        "SELECT pg_catalog.to_jsonb('public.nowhere'::regclass::text)",
        "SELECT pg_catalog.to_jsonb('no_schema.nowhere'::regclass::text)",
    ],
)
@pytest.mark.parametrize("nested", [False, True])
async def test_a_missing_table_or_schema_is_no_history(connection: Connection, query: str, nested: bool) -> None:
    transaction = connection.transaction()
    if nested:
        await transaction.start()
    facts, rows = await AsyncpgExecutor(connection).read(Sql(query))
    assert rows is None
    assert facts.in_transaction is nested
    assert await connection.fetchval("SELECT 1") == 1
    if nested:
        await transaction.rollback()
