"""The example shop: its migrations lead where they should, up and down, with data in between; its application starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.examples.schema import schema
from trek_asyncpg import AsyncpgBackend, migrate, testing
from trek_core import Irreversible, Migrator

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database, Server

SHOP = Path(__file__).parents[2] / "examples/shop"
MIGRATIONS = SHOP / "migrations"
SQUASH = "0005.1"
ORIGINALS = ["0001", "0002", "0003", "0004", "0005"]
AFTER = [f"{number:04}" for number in range(6, 26)]

MANY_ORDERS = """
    UPDATE stock SET on_hand = 1000000;
    INSERT INTO customers (email, full_name) VALUES ('ann@example.org', 'Ann'), ('ben@example.org', 'Ben');
    INSERT INTO orders (customer_id, status, ship_to, placed_at, paid_at)
    SELECT (SELECT min(id) FROM customers) + n % 2, CASE WHEN n % 10 = 0 THEN 'cancelled' ELSE 'paid' END::order_status,
           n || ' Harbour Lane', CASE WHEN n % 100 = 7 THEN now() - interval '11 years' ELSE now() END,
           CASE WHEN n % 20 <> 10 THEN now() END
    FROM generate_series(1, 2500) AS n;
    INSERT INTO order_lines (order_id, product_id, quantity, unit_cents)
    SELECT orders.id, products.id, 1 + orders.id % 3, price_cents
    FROM orders CROSS JOIN products WHERE orders.id % 50 <> 0 AND (orders.id + products.id) % 2 = 0;
"""
"""2500 orders, more than two batches of the backfill; 50 of them without a line, 25 older than ten years."""


def shop(connection: Connection) -> Migrator:
    return Migrator(AsyncpgBackend(connection), MIGRATIONS)


async def go(connection: Connection, target: str = "head") -> list[str]:
    return [ran.revision for ran in (await shop(connection).migrate(target)).ran]


async def applied(connection: Connection) -> list[str]:
    """The revisions that ran, in the order of the folder."""
    return [found.revision for found in (await shop(connection).status()).applied if found.row]


async def catalogue(connection: Connection) -> list[tuple[object, ...]]:
    """What the shop sells, by what people see."""
    rows = await connection.fetch(
        "SELECT sku, products.name, categories.name AS category, price_cents, on_hand FROM products"
        " JOIN categories ON categories.id = category_id JOIN stock ON product_id = products.id ORDER BY sku"
    )
    return [tuple(row) for row in rows]


# --------------------------------------------------------------------------- up
async def test_an_empty_database_goes_to_the_head_over_the_squash_and_then_has_nothing_to_do(
    connection: Connection,
) -> None:
    assert await go(connection) == [SQUASH, *AFTER]
    assert len([SQUASH, *AFTER]) == 21
    status = await shop(connection).status()
    assert status.state == "current"
    assert [found.revision for found in status.revisions if found.state == "replaced"] == ORIGINALS
    report = await migrate(connection, MIGRATIONS)
    assert not report


async def test_a_database_in_the_middle_of_the_originals_goes_on_with_them_and_the_squash_counts_as_applied(
    connection: Connection,
) -> None:
    assert await go(connection, "0003") == ["0001", "0002", "0003"]
    assert await go(connection) == ["0004", "0005", *AFTER]
    status = await shop(connection).status()
    assert status.state == "current"
    assert {found.revision for found in status.applied} == {SQUASH, *ORIGINALS, *AFTER}
    assert await applied(connection) == [*ORIGINALS, *AFTER]
    assert await go(connection) == []


async def test_both_ways_lead_to_the_same_schema_and_the_same_goods(connection: Connection, server: Server) -> None:
    await go(connection)
    over_the_squash = (await schema(connection), await catalogue(connection))
    async with testing.database(server) as second:
        other = await second.connect()
        await go(other, "0003")
        await go(other)
        over_the_originals = (await schema(other), await catalogue(other))
    assert over_the_squash == over_the_originals
    assert len(over_the_squash[0]) > 150
    assert len(over_the_squash[1]) == 6


# --------------------------------------------------------------------------- down
@pytest.mark.parametrize("first", ["0024", "0003"], ids=["squash", "originals"])
async def test_down_to_base_leaves_nothing_behind_and_up_again_brings_everything_back(
    connection: Connection, first: str
) -> None:
    empty = await schema(connection)
    await go(connection, first)
    await go(connection, "0024")
    before, up = (await schema(connection), await catalogue(connection)), await applied(connection)
    assert await go(connection, "base") == up[::-1]
    assert await schema(connection) == empty
    assert await applied(connection) == []
    await go(connection, "0024")
    assert (await schema(connection), await catalogue(connection)) == before


async def test_every_single_step_down_takes_back_what_its_step_up_made(connection: Connection) -> None:
    await go(connection, "0003")
    seen = [(await applied(connection), await schema(connection))]
    while (await applied(connection))[-1] != "0024":
        await go(connection, "+1")
        seen.append((await applied(connection), await schema(connection)))
    assert len(seen) == 22
    for revisions, wanted in reversed(seen[:-1]):
        await go(connection, "-1")
        assert await applied(connection) == revisions
        assert await schema(connection) == wanted, f"after going down to {revisions[-1]}"


async def test_from_the_head_there_is_no_way_down_and_the_attempt_changes_nothing(connection: Connection) -> None:
    await go(connection)
    before, history = await schema(connection), await connection.fetch("SELECT * FROM trek_history ORDER BY seq")
    for target in ("0024", "base", "-1"):
        with pytest.raises(Irreversible, match="irreversible") as caught:
            await go(connection, target)
        assert caught.value.revisions == ("0025",)
    assert await schema(connection) == before
    assert await connection.fetch("SELECT * FROM trek_history ORDER BY seq") == history


# --------------------------------------------------------------------------- with data
async def test_orders_that_came_in_between_get_their_totals_refunds_and_privacy(connection: Connection) -> None:
    await go(connection, "0009")
    await connection.execute(MANY_ORDERS)
    lines = await connection.fetchval("SELECT sum(line_cents) FROM order_lines")
    assert await go(connection) == AFTER[4:]
    wrong = "SELECT count(*) FROM orders WHERE total_cents IS DISTINCT FROM"
    assert (
        await connection.fetchval(
            f"{wrong} (SELECT coalesce(sum(quantity * unit_cents), 0) FROM order_lines WHERE order_id = orders.id)"
        )
        == 0
    )
    assert await connection.fetchval("SELECT sum(total_cents) FROM orders") == lines > 0
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE total_cents = 0") == 50
    counted = await connection.fetch("SELECT status::text, count(*) FROM orders GROUP BY 1")
    assert {row[0]: row[1] for row in counted} == {"paid": 2250, "refunded": 125, "cancelled": 125}
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM refunds JOIN orders ON id = order_id WHERE amount_cents = total_cents"
        )
        == 125
    )
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE ship_to IS NULL") == 25
    sold = "SELECT sum(revenue_cents) = (SELECT sum(total_cents) FROM orders WHERE status = 'paid') FROM best_sellers"
    assert await connection.fetchval(sold)


async def test_orders_survive_the_way_down_and_up_again(connection: Connection) -> None:
    await go(connection, "0024")
    await connection.execute(MANY_ORDERS.replace("CASE WHEN n % 10 = 0 THEN 'cancelled' ELSE 'paid' END", "'paid'"))
    content = "SELECT id, customer_id, total_cents, status::text FROM orders ORDER BY id"
    before = await connection.fetch(content)
    await go(connection, "0009")
    await go(connection, "0024")
    assert await connection.fetch(content) == before


# --------------------------------------------------------------------------- the application
def start(dsn: str) -> list[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TREK_", "PG"))}
    command = [sys.executable, str(SHOP / "app.py")]
    done = subprocess.run(
        command, env={**environ, "DATABASE_URL": dsn}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


async def test_the_application_migrates_when_it_starts_and_is_up_to_date_the_second_time(
    database: Database, connection: Connection
) -> None:
    first = start(database.dsn)
    assert re.fullmatch(r"apply 0005\.1 +first_release", first[0])
    assert first[21].startswith("21 migrations in ")
    second = start(database.dsn)
    assert second[0] == "up to date"
    for said in (first, second):
        assert any(re.fullmatch(r"Order [0-9a-f-]{36}: 28\.30", line) for line in said)
    assert any(re.fullmatch(r"  Café crème mug +2 sold +29\.00", line) for line in second)
    assert await connection.fetchval("SELECT count(*) FROM orders") == 2


# --------------------------------------------------------------------------- its page
def test_the_page_of_the_shop_speaks_of_every_migration() -> None:
    rows = re.findall(r"^\| (`\d.*?) \|", (SHOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(listed) == sorted(path.name for path in MIGRATIONS.iterdir() if path.suffix in (".sql", ".py"))
