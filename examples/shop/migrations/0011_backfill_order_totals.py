"""Second step of four: the totals of the orders that were there before 0010.

A thousand at a time, each batch a transaction of its own, so that no order is locked for long. Run again after an
interruption, it goes on where it stopped: an order that has its total is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

no_transaction = True

BATCH = 1000
FILL = """
    WITH batch AS (
        SELECT id FROM orders WHERE id > $1 AND total_cents IS NULL ORDER BY id LIMIT $2 FOR UPDATE
    ), filled AS (
        UPDATE orders
        SET total_cents = (SELECT coalesce(sum(line_cents), 0) FROM order_lines WHERE order_id = orders.id)
        FROM batch
        WHERE orders.id = batch.id
        RETURNING orders.id
    )
    SELECT max(id) FROM filled
"""


async def upgrade(connection: asyncpg.Connection) -> None:
    last = 0
    while last is not None:
        last = await connection.fetchval(FILL, last, BATCH)


async def downgrade(connection: asyncpg.Connection) -> None:
    """Nothing to take back: the column goes with 0010, and until then its values are right."""
