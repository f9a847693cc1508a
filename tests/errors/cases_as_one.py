"""Plans that are one transaction, or cannot be."""

from __future__ import annotations

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, to
from trek_core import MigrationFailed, PlanError

MOOD = {"0001_mood.sql": "CREATE TYPE mood AS ENUM ('ok');\n", "0002_glad.sql": "ALTER TYPE mood ADD VALUE 'glad';\n"}
USES = {"0003_days.sql": "CREATE TABLE days (\n  mood mood DEFAULT 'glad'\n);\n"}
INDEX = {"0002_index.sql": "CREATE INDEX CONCURRENTLY users_i ON users (id);\n"}
BROKEN = {
    "0002_bills.sql": "CREATE TABLE bills (id int);\nINSERT INTO bils VALUES (1);\n",
    "0003_more.sql": "SELECT 1;\n",
}
ENDS = {"0002_end.sql": "SELECT pg_terminate_backend(pg_backend_pid());\n"}
as_one = to("head", transaction="plan")


async def at_mood(stage: object) -> None:
    await stage.migrate("0001")  # type: ignore[attr-defined]


CASES = (
    Case(
        "not-in-one-transaction",
        PlanError,
        (
            "migrations/0002_index.sql runs outside a transaction",
            "CREATE INDEX CONCURRENTLY in line 1",
            "migrations/0001_users.sql is in the same plan",
            "`trek migrate 0001`, `trek migrate 0002`",
        ),
        {**USERS, **INDEX},
        act=as_one,
    ),
    Case(
        "new-enum-value-in-one-transaction",
        PlanError,
        ("migrations/0003_days.sql:2", "'glad'", "migrations/0002_glad.sql:1", "`trek migrate 0002`"),
        {**MOOD, **USES},
        at_mood,
        as_one,
    ),
    Case(
        "one-transaction-fails",
        MigrationFailed,
        (
            "migrations/0002_bills.sql:2:13: ",
            'relation "bils" does not exist',
            "Nothing of the plan, 3 migrations in one transaction, remains",
            "begins again with 0001",
        ),
        {**USERS, **BROKEN},
        act=as_one,
    ),
    Case(
        "one-transaction-loses-its-connection",
        MigrationFailed,
        ("whether the plan, 2 migrations in one transaction, was committed is unknown", "trek status"),
        {**USERS, **ENDS},
        act=as_one,
    ),
)
