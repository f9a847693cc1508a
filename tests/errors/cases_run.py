"""Migrations that fail while they run, and settings that name nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, to
from tests.support.faults import Cut, faulty
from trek_asyncpg import migrate
from trek_core import ConfigError, MigrationFailed

if TYPE_CHECKING:
    from tests.errors.stage import Stage

LONG = (
    "CREATE TABLE orders (id int PRIMARY KEY, total numeric NOT NULL);\n"
    "INSERT INTO orders VALUES (1, 10);\n"
    "\n"
    "ALTER TABLE orders\n"
    "  ADD COLUMN user_id int REFERENCES userz (id);\n"
    "CREATE TABLE bills (id int);\n"
)
RAISES = (
    "RATES = {'EUR': 1, 'USD': 1.08}\n\n\nasync def upgrade(connection):\n"
    "    await connection.execute('CREATE TABLE rates (currency text)')\n    RATES['CHF']\n"
)
BROKEN_DATA = (
    "CREATE TABLE orders (id int PRIMARY KEY);\nINSERT INTO orders VALUES (1);\nINSERT INTO orders VALUES (1);\n"
)
ROWS = "CREATE TABLE orders (id int, total numeric);\nCOPY orders FROM stdin;\n1\t10\n2\tten\n\\.\n"
ENDS = "CREATE TABLE orders (id int);\nSELECT pg_terminate_backend(pg_backend_pid());\n"
LOST = f"SET work_mem = '64MB';\n{ENDS}"  # so that it goes alone
HALF = "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY users_i ON users (id);\nCREATE INDEX CONCURRENTLY x ON userz (id);\n"


DBMATE = {
    "0001_users.sql": "-- migrate:up\nCREATE TABLE users (id int);\n-- migrate:down\n",
    "0002_index.sql": "-- migrate:up transaction:false\n\nCREATE INDEX CONCURRENTLY i ON userz (id);\n-- migrate:down\n",
}


def failing(name: str, file: str, content: str, place: str, *says: str, writes: bool = True) -> Case:
    """0001 works and stays, 0002 fails, 0003 is not begun."""
    third = {"0003_rest.sql": "CREATE TABLE rest (id int);\n"}
    told = (f"migrations/{file}{place}", *says, "Done before it in this run, and committed: 0001.", "Not begun: 0003.")
    return Case(name, MigrationFailed, told, {**USERS, file: content, **third}, writes=writes)


async def by_dbmate(stage: Stage) -> object:
    """Its table keeps no trace of what failed outside a transaction."""
    return await stage.migrate(format="dbmate")


async def from_python_folder(stage: Stage) -> object:
    return await migrate(stage.connection, "migrashuns")


async def a_file(stage: Stage) -> object:
    return await migrate(stage.connection, "migrations/0001_users.sql")


async def from_dsn(stage: Stage) -> object:
    """A DSN can be connected to again."""
    return await migrate(stage.database.dsn, "migrations")


async def losing_the_answer(stage: Stage) -> object:
    """The server gets the query, and its answer does not come."""
    async with faulty(stage.database.dsn, Cut("up", 4, "after")) as (dsn, _):
        return await migrate(dsn, "migrations")


async def behind_a_reader(stage: Stage) -> object:
    """Somebody has read the table, and has not ended his transaction."""
    await stage.migrate("0001")
    reader = await stage.database.connect(server_settings={"application_name": "web"})
    async with reader.transaction():
        await reader.fetch("SELECT * FROM users")
        return await stage.migrate(lock_patience=2)


def options(**given: Any) -> Any:
    return to("head", **given)


async def invalid_before(stage: Stage) -> None:
    """Somebody's own build failed."""
    await stage.migrate("0001")
    await stage.connection.execute("INSERT INTO users VALUES (1), (2)")
    with contextlib.suppress(asyncpg.UniqueViolationError):
        await stage.connection.execute("CREATE UNIQUE INDEX CONCURRENTLY users_one ON users ((1))")


RUNS = (
    failing(
        "copy-row-fails",
        "0002_orders.sql",
        ROWS,
        ":4: ",
        "  2 | COPY orders FROM stdin\n",
        "  4 | 2\tten\n    |  \t^",
        'invalid input syntax for type numeric: "ten"',
    ),
    failing(
        "sql-fails",
        "0002_orders.sql",
        LONG,
        ":4:1: ",
        'relation "userz" does not exist',
        "4 | ALTER TABLE orders",
        "SQLSTATE 42P01",
        "Nothing of 0002 remains",
        "run again",
    ),
    failing(
        "sql-fails-with-detail",
        "0002_orders.sql",
        BROKEN_DATA,
        ":3:1: ",
        "detail: Key (id)=(1) already exists.",
        "3 | INSERT INTO orders VALUES (1)",
        "Nothing of 0002 remains",
    ),
    Case(
        "table-locked",
        MigrationFailed,
        (
            "migrations/0002_orders.sql:1:1: ",
            "Tried ",
            "server process ",
            ", web, idle in transaction, ",
            "SELECT * FROM users",
            "pg_terminate_backend(",
            "lock-patience",
            "goes on with 0002",
        ),
        {**USERS, "0002_orders.sql": "ALTER TABLE users ADD COLUMN note text;\n"},
        act=behind_a_reader,
        writes=True,
    ),
    failing(
        "sql-syntax",
        "0002_orders.sql",
        "CREATE TABLE orders (id int);\nCREATE TABEL bills (id int);\n",
        ":2:8: ",
        '"TABEL"',
        "2 | CREATE TABEL bills (id int)",
    ),
    failing(
        "python-raises",
        "0002_rates.py",
        RAISES,
        ":6: ",
        "KeyError: 'CHF'",
        "6 | RATES['CHF']",
        "Nothing of 0002 remains",
    ),
    failing(
        "connection-lost-during", "0002_orders.sql", LOST, "", "whether 0002 was committed is unknown", "trek status"
    ),
    Case(
        "connection-lost-and-known",
        MigrationFailed,
        (
            "applying 0002 orders failed",
            "Nothing of 0002 remains: its transaction was rolled back.",
            "Done before it in this run, and committed: 0001.",
            "run again",
        ),
        {**USERS, "0002_orders.sql": ENDS},
        act=from_dsn,
        writes=True,
    ),
    Case(
        "connection-lost-and-committed",
        MigrationFailed,
        ("applying 0001 users lost its connection", "0001 was committed: only the answer was lost.", "run again"),
        USERS,
        act=losing_the_answer,
        writes=True,
    ),
    Case(
        "connection-lost-during-several",
        MigrationFailed,
        (
            "applying 0001 users and, in the same query, 0002",
            "which of 0001, 0002 were committed is unknown",
            "trek status",
        ),
        {**USERS, "0002_orders.sql": ENDS},
        writes=True,
    ),
    failing(
        "non-transactional-fails",
        "0002_index.sql",
        HALF,
        ":3:1: ",
        'relation "userz" does not exist',
        "what it did before the failure stays",
        "run again: trek goes on at statement 2 of 2",
        "trek repair 0002 --applied",
        "trek repair 0002 --not-applied",
    ),
    failing(
        "non-transactional-fails-with-its-row",
        "0002_data.sql",
        "-- trek: no-transaction\nINSERT INTO users VALUES (1);\nINSERT INTO userz VALUES (2);\n",
        ":3:13: ",
        'relation "userz" does not exist',
        "what it did before the failure stays",
        "Correct the statement, or the cause in the database, and run again: trek goes on at statement 2 of 2",
        "if one before it must: finish it by hand",
    ),
    failing(
        "non-transactional-python-fails",
        "0002_work.py",
        "no_transaction = True\n\n\nasync def upgrade(connection):\n    await connection.execute('VACUUM userz')\n",
        ":5: ",
        'relation "userz" does not exist',
        "trek history",
        "Until then trek refuses to go on",
    ),
    Case(
        "non-transactional-fails-without-a-trace",
        MigrationFailed,
        (
            "migrations/0002_index.sql:3:1: ",
            "0002 ran outside a transaction: what it did before the failure stays.",
            "The history says nothing of that: run again, and trek begins 0002 with its first statement.",
            "finish it by hand, then `trek repair 0002 --applied`",
        ),
        DBMATE,
        act=by_dbmate,
        writes=True,
    ),
    failing(
        "unique-index-fails",
        "0002_index.sql",
        "-- trek: no-transaction\nINSERT INTO users VALUES (1), (2);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY users_one ON users ((1));\n",
        ":3:1: ",
        "It left the INVALID index public.users_one",
        "trek removes that and goes on at statement 2 of 2",
    ),
    Case(
        "index-was-invalid",
        MigrationFailed,
        (
            "migrations/0002_index.sql:1:1: ",
            "public.users_one was there before",
            "DROP INDEX CONCURRENTLY public.users_one",
        ),
        {**USERS, "0002_index.sql": "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_one ON users (id);\n"},
        invalid_before,
        writes=True,
    ),
)

SETTINGS = (
    Case("no-folder", ConfigError, ("'migrashuns'", "/srv/app", "create it"), USERS, act=from_python_folder),
    Case(
        "folder-is-a-file", ConfigError, ("'migrations/0001_users.sql' is a file", "give the folder"), USERS, act=a_file
    ),
    Case(
        "unknown-format",
        ConfigError,
        ("'gooose'", "Did you mean 'goose'?", "On offer: alembic, asyncpg-trek"),
        USERS,
        act=options(format="gooose"),
    ),
    Case(
        "name-longer-than-63-bytes",
        ConfigError,
        ("h" * 64, "has 64 bytes", "1 to 63", "store settings"),
        USERS,
        act=options(store_settings={"table": "h" * 64}),
    ),
    Case("unknown-setting", ConfigError, ("tabel", "table"), USERS, act=options(store_settings={"tabel": "h"})),
)

CASES = (*SETTINGS, *RUNS)
