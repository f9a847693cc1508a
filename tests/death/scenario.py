"""Eight mixed migrations in three stages: up, down below a squash, up again. And what must be the same after each.

Each body counts itself in the table `ran`, in the same transaction as its work where it has one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.run.folders import write

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

RAN = "INSERT INTO ran VALUES ('{}');"
BASE = "-- trek: irreversible\nCREATE TABLE ran (what text);\n" + RAN.format("1 up")
ORDERS = f"""
CREATE TABLE orders (id int PRIMARY KEY, kind text, total numeric);
INSERT INTO orders SELECT i, 'k' || i % 7, i FROM generate_series(1, 50) AS i;
{RAN.format("2 up")}
-- trek: down
DROP TABLE orders;
{RAN.format("2 down")}
"""
KINDS = f"""
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 10;
{RAN.format("3 up")}
-- trek: down
DROP VIEW big_orders;
DROP TYPE mood;
{RAN.format("3 down")}
"""
LOAD = """
async def upgrade(connection):
    await connection.execute("CREATE TABLE loaded (id int, note text)")
    rows = [(number, f"note {number}") for number in range(30)]
    await connection.copy_records_to_table("loaded", records=rows, columns=["id", "note"])
    await connection.execute("INSERT INTO ran VALUES ($1)", "4 up")


async def downgrade(connection):
    async with connection.transaction():
        await connection.execute("DROP TABLE loaded")
    await connection.execute("INSERT INTO ran VALUES ('4 down')")
"""
INDEX = """
CREATE INDEX CONCURRENTLY orders_kind ON orders (kind);
-- trek: down
DROP INDEX CONCURRENTLY orders_kind;
"""
STEPS = f"""
-- trek: no-transaction
{RAN.format("6 up, first")}
CREATE UNIQUE INDEX CONCURRENTLY orders_both ON orders (id, kind);
UPDATE orders SET total = total + 1;
{RAN.format("6 up, last")}
-- trek: down
-- trek: no-transaction
{RAN.format("6 down, first")}
DROP INDEX CONCURRENTLY orders_both;
UPDATE orders SET total = total - 1;
{RAN.format("6 down, last")}
"""
SETS = f"""
SET search_path = pg_catalog;
SET work_mem = '9MB';
CREATE TABLE public.quiet (id int DEFAULT 3, name name);
{RAN.format("7 up").replace("ran", "public.ran")}
-- trek: down
SET search_path = pg_catalog;
DROP TABLE public.quiet;
{RAN.format("7 down").replace("ran", "public.ran")}
"""
LAST = f"""
ALTER TABLE orders ADD COLUMN mood mood DEFAULT 'fine', ADD CHECK (total >= 0);
CREATE TABLE notes (id int, note text);
COPY notes (id, note) FROM STDIN;
1\tone
2\ttwo
\\.
{RAN.format("8 up")}
-- trek: down
DROP TABLE notes;
ALTER TABLE orders DROP COLUMN mood, DROP CONSTRAINT orders_total_check;
{RAN.format("8 down")}
"""
SQUASH = f"""
-- trek: replaces 2 3
CREATE TABLE orders (id int PRIMARY KEY, kind text, total numeric);
INSERT INTO orders SELECT i, 'k' || i % 7, i FROM generate_series(1, 50) AS i;
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 10;
{RAN.format("squash up")}
-- trek: down
DROP VIEW big_orders;
DROP TYPE mood;
DROP TABLE orders;
{RAN.format("squash down")}
"""
REST = {
    "1_base.sql": BASE,
    "4_load.py": LOAD,
    "5_index.sql": INDEX,
    "6_steps.sql": STEPS,
    "7_sets.sql": SETS,
    "8_last.sql": LAST,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of the run: to `target`, with the files of `folder`."""

    name: str
    folder: str
    target: str


def stages(root: Path) -> tuple[Stage, ...]:
    """Up with eight files; down to the first, with a squash in the place of two of them, which it takes back; up with that."""
    first = write(root / "first", {**REST, "2_orders.sql": ORDERS, "3_kinds.sql": KINDS})
    later = write(root / "later", {**REST, "3a_squash.sql": SQUASH})
    return Stage("up", first, "head"), Stage("down", later, "1"), Stage("up again", later, "head")


# --------------------------------------------------------------------------- what must be equal
SCHEMA = """
SELECT jsonb_object_agg(what, things) FROM (
 SELECT 'relations' AS what, jsonb_agg(jsonb_build_array(c.oid::regclass, c.relkind, c.relpersistence, c.relreplident,
   (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
     pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum) FROM pg_attribute a LEFT JOIN pg_attrdef d
     ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
   CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END) ORDER BY c.relname) AS things
   FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
 UNION ALL SELECT 'indexes', jsonb_agg(jsonb_build_array(pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
   ORDER BY i.indexrelid::regclass::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE c.relnamespace = 'public'::regnamespace
 UNION ALL SELECT 'constraints', jsonb_agg(jsonb_build_array(conname, conrelid::regclass, pg_get_constraintdef(oid),
   convalidated) ORDER BY conname) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
 UNION ALL SELECT 'types', jsonb_agg(jsonb_build_array(t.typname, t.typtype,
   (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) ORDER BY t.typname)
   FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace
) AS found
"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    " AND relname <> 'trek_history' ORDER BY relname"
)
HISTORY = (
    "SELECT COALESCE(jsonb_agg(jsonb_build_array(revision, verb, state) ORDER BY seq), '[]') FROM public.trek_history"
    " WHERE state = 'done' AND COALESCE(step, 0) = 0"
)
LEFT = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@dataclass(frozen=True, slots=True)
class Image:
    """A database as a run left it.

    schema: everything that pg_dump -s writes of these objects. data: every row of every table, `ran` among them, in which
    each body counts itself. history: revision and verb of what is done, in order. Rows that only say started, failed, step
    or claim are no part of it: a resumed migration has more of them.
    """

    schema: object
    data: dict[str, list[str]]
    history: object

    @property
    def ran(self) -> list[str]:
        """What bodies counted of themselves."""
        return self.data["ran"]


async def image(connection: Connection) -> Image:
    assert await connection.fetchval(LEFT) == 0, "a lock is held"
    schema, history = [json.loads(await connection.fetchval(query)) for query in (SCHEMA, HISTORY)]
    data = {}
    for (table,) in await connection.fetch(TABLES):
        rows = await connection.fetch(f"SELECT t::text AS line FROM public.{table} AS t ORDER BY 1")
        data[table] = [row["line"] for row in rows]
    return Image(schema, data, history)
