"""A shop that brings its database up to date when it starts, sells something, and shows how it stands.

python examples/shop/app.py        DATABASE_URL names the database; without it a PostgreSQL of its own runs,
                                   which keeps its data in examples/shop/.pg.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg import migrate
from trek_asyncpg.embedded import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Path(__file__).parent
BASKET = {"KIT-001": 1, "PAN-001": 2}

CUSTOMER = """
    INSERT INTO customers (email, full_name) VALUES ($1, $2)
    ON CONFLICT (lower(email)) DO UPDATE SET full_name = EXCLUDED.full_name
    RETURNING id
"""
ORDER = "INSERT INTO orders (customer_id, ship_to) VALUES ($1, $2) RETURNING id"
# In the order of the ids: two customers who want the same things then wait for each other, and never both.
LINES = """
    INSERT INTO order_lines (order_id, product_id, quantity, unit_cents)
    SELECT $1, storefront.id, basket.quantity, storefront.offer_cents
    FROM unnest($2::text[], $3::integer[]) AS basket (sku, quantity) JOIN storefront USING (sku)
    ORDER BY storefront.id
"""
PLACED = "SELECT public_id, total_cents FROM orders WHERE id = $1"
TOP = "SELECT name, sold, revenue_cents::bigint FROM best_sellers ORDER BY revenue_cents DESC, sku LIMIT 3"
STOCK = "SELECT sku, name, on_hand FROM stock JOIN products ON products.id = product_id ORDER BY sku"


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    if dsn := os.environ.get("DATABASE_URL"):
        yield dsn
        return
    async with serve(HERE / ".pg") as server:
        yield server.dsn()


async def bring_up_to_date(pool: asyncpg.Pool) -> None:
    report = await migrate(pool, HERE / "migrations")
    for ran in report.ran:
        print(f"{ran.verb} {ran.revision:<7} {ran.title}")
    print(f"{len(report.ran)} migrations in {report.seconds:.2f} s" if report else "up to date")


async def place_order(pool: asyncpg.Pool, email: str, name: str, basket: dict[str, int]) -> asyncpg.Record:
    """All of it or nothing: a product that is sold out takes the whole order back."""
    async with pool.acquire() as connection, connection.transaction():
        customer = await connection.fetchval(CUSTOMER, email, name)
        order = await connection.fetchval(ORDER, customer, "1 Harbour Lane")
        await connection.execute(LINES, order, list(basket), list(basket.values()))
        (placed,) = await connection.fetch(PLACED, order)
        return placed


async def show(pool: asyncpg.Pool) -> None:
    await pool.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY best_sellers")
    print("\nBest sellers")
    for row in await pool.fetch(TOP):
        print(f"  {row['name']:<24} {row['sold']:>5} sold {row['revenue_cents'] / 100:>10.2f}")
    print("\nStock")
    for row in await pool.fetch(STOCK):
        print(f"  {row['sku']} {row['name']:<24} {row['on_hand']:>5}")


async def main() -> None:
    async with database() as dsn, asyncpg.create_pool(dsn, min_size=1) as pool:
        await bring_up_to_date(pool)
        try:
            order = await place_order(pool, "ann@example.org", "Ann Example", BASKET)
            print(f"\nOrder {order['public_id']}: {order['total_cents'] / 100:.2f}")
        except asyncpg.CheckViolationError as error:
            print(f"\nNo order today: {error}")
        await show(pool)


if __name__ == "__main__":
    asyncio.run(main())
