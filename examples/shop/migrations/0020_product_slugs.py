"""An address for each product: "Café crème mug" is at /cafe-creme-mug. Python, because plain SQL takes no accents off.

Runs in trek's transaction. Each product is tried in a savepoint of its own: where two have the same name, the second
gets its SKU as well, and the failed attempt costs nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from asyncpg.exceptions import UniqueViolationError

if TYPE_CHECKING:
    import asyncpg


def slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain.replace("'", "").lower()))


async def name_it(connection: asyncpg.Connection, product: int, name: str) -> None:
    async with connection.transaction():
        await connection.execute("UPDATE products SET slug = $2 WHERE id = $1", product, name)


async def upgrade(connection: asyncpg.Connection) -> None:
    await connection.execute("ALTER TABLE products ADD COLUMN slug text UNIQUE")
    for product in await connection.fetch("SELECT id, sku, name FROM products ORDER BY id"):
        try:
            await name_it(connection, product["id"], slug(product["name"]))
        except UniqueViolationError:
            await name_it(connection, product["id"], slug(f"{product['name']} {product['sku']}"))
    await connection.execute("ALTER TABLE products ALTER COLUMN slug SET NOT NULL")


async def downgrade(connection: asyncpg.Connection) -> None:
    await connection.execute("ALTER TABLE products DROP COLUMN slug")
