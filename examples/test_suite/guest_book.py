"""What is tested: two functions that want a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg


async def sign(connection: asyncpg.Connection, name: str, word: str) -> None:
    await connection.execute("INSERT INTO guests (name, word) VALUES ($1, $2)", name, word)


async def guests(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("SELECT name, word FROM guests ORDER BY id")
    return [f"{row['name']}: {row['word']}" for row in rows]
