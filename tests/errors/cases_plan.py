"""Targets, and databases that do not go with the files."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, to
from trek_asyncpg import AsyncpgBackend
from trek_core import (
    Changed,
    ConfigError,
    Direction,
    Irreversible,
    MigrationFailed,
    Migrator,
    Missing,
    OutOfOrder,
    PlanError,
    PlanOutdated,
    Unfinished,
    UnknownRevision,
)

if TYPE_CHECKING:
    from tests.errors.stage import Stage

ORDERS = {"0002_orders.sql": "CREATE TABLE orders (id int);\n-- trek: down\nDROP TABLE orders;\n"}
BILLS = {"0003_bills.sql": "CREATE TABLE bills (id int);\n"}
HALF_DONE = {"0001_index.sql": "-- trek: no-transaction\nCREATE TABLE users (id int);\nSELECT 1 / 0;\n"}
HALF_PYTHON = {
    "0001_index.py": "no_transaction = True\n\n\nasync def upgrade(connection):\n    await connection.execute('SELECT 1 / 0')\n"
}


async def applied(stage: Stage) -> None:
    await stage.migrate()


async def edited(stage: Stage) -> None:
    await stage.migrate()
    stage.write({"0001_users.sql": "CREATE TABLE users (id bigint PRIMARY KEY);\n"})


async def gone(stage: Stage) -> None:
    await stage.migrate()
    (stage.root / "migrations" / "0002_orders.sql").unlink()


async def late(stage: Stage) -> None:
    await stage.migrate()
    stage.write(ORDERS)


async def half_done(stage: Stage) -> None:
    with contextlib.suppress(MigrationFailed):
        await stage.migrate()


async def half_done_and_edited(stage: Stage) -> None:
    await half_done(stage)
    stage.write({"0001_index.sql": HALF_DONE["0001_index.sql"].replace("id int", "id bigint")})


async def foreign_table(stage: Stage) -> None:
    await stage.connection.execute("CREATE TABLE trek_history (version bigint, dirty boolean)")


async def shown(stage: Stage) -> None:
    """A plan is made at 0002, then a colleague goes back to 0001."""
    await stage.migrate("0002")
    stage.keep["migrator"] = Migrator(AsyncpgBackend(stage.connection), "migrations")
    stage.keep["plan"] = await stage.keep["migrator"].plan()
    await stage.migrate("0001")


async def apply_shown(stage: Stage) -> object:
    return await stage.keep["migrator"].apply(stage.keep["plan"])


async def repair_unknown(stage: Stage) -> object:
    return await Migrator(AsyncpgBackend(stage.connection), "migrations").repair("0007", applied=True)


async def shrunk(stage: Stage) -> None:
    """What was planned at three rows finds two of them."""
    await stage.migrate("0002")
    stage.keep["migrator"] = Migrator(AsyncpgBackend(stage.connection), "migrations")
    stage.keep["plan"] = await stage.keep["migrator"].plan()
    await stage.other.execute("DELETE FROM trek_history WHERE revision = '0002'")


async def script(stage: Stage) -> object:
    return (await Migrator(AsyncpgBackend(stage.connection), "migrations").plan()).sql()


TARGETS = (
    Case(
        "unknown-target",
        UnknownRevision,
        ("'0022'", "none of the 2 migrations", "Nearest: 0002", "Write a revision"),
        {**USERS, **ORDERS},
        act=to("0022"),
    ),
    Case(
        "ambiguous-target",
        UnknownRevision,
        ("'000'", "0001 (migrations/0001_users.sql)", "0002 (migrations/0002_orders.sql)", "Write more of it"),
        {**USERS, **ORDERS},
        act=to("000"),
    ),
    Case(
        "too-many-steps", PlanError, ("'+5'", "only 2 pending: 0001, 0002", "fewer"), {**USERS, **ORDERS}, act=to("+5")
    ),
    Case(
        "wrong-direction",
        PlanError,
        ("'0001'", "direction up", "at 0002", "Use direction down"),
        {**USERS, **ORDERS},
        applied,
        to("0001", direction=Direction.up),
    ),
    Case(
        "no-way-down",
        Irreversible,
        ("0001", "migrations/0001_users.sql", "Write 0001_users.down.sql", "must not be edited"),
        USERS,
        applied,
        to("base"),
    ),
    Case(
        "irreversible",
        Irreversible,
        ("0001", "migrations/0001_users.sql", "irreversible", "Migrate forward"),
        {"0001_users.sql": "-- trek: irreversible\nCREATE TABLE users (id int);\n"},
        applied,
        to("base"),
    ),
    Case("repair-of-an-unknown-revision", UnknownRevision, ("'0007'", "Nearest: 0001"), USERS, act=repair_unknown),
)

DATABASES = (
    Case(
        "changed-after-it-was-applied",
        Changed,
        (
            "0001: migrations/0001_users.sql",
            "applied with checksum ",
            ", now ",
            "Restore the file",
            "trek repair 0001 --applied",
        ),
        USERS,
        edited,
    ),
    Case("applied-file-gone", Missing, ("0002, applied ", "Deploy the code"), {**USERS, **ORDERS}, gone),
    Case(
        "out-of-order",
        OutOfOrder,
        ("0003 (migrations/0003_bills.sql)", "0002 (migrations/0002_orders.sql)", 'out_of_order = "allow"'),
        {**USERS, **BILLS},
        late,
    ),
    Case(
        "unfinished",
        Unfinished,
        ("0001, since ", "statement 1 was begun", "Look at what", "trek repair 0001 --not-applied"),
        HALF_PYTHON,
        half_done,
    ),
    Case(
        "unfinished-edited",
        Unfinished,
        (
            "0001, since ",
            "1 of 2 statements done, failed with: division by zero (SQLSTATE 22012): statement 1",
            "was edited since: put it back",
            "trek repair 0001 --applied",
        ),
        HALF_DONE,
        half_done_and_edited,
    ),
    Case(
        "unfinished-elsewhere",
        Unfinished,
        ("0001, since ", "not on the way to 'base'", "trek repair 0001 --not-applied"),
        HALF_DONE,
        half_done,
        to("base"),
    ),
    Case(
        "history-of-another-shape",
        ConfigError,
        ("public.trek_history", "lacks seq, revision", "Name another"),
        USERS,
        foreign_table,
    ),
    Case(
        "outdated-plan",
        PlanOutdated,
        ("'head'", "apply 0002, apply 0003", "Nothing was changed", "Plan again"),
        {**USERS, **ORDERS, **BILLS},
        shown,
        apply_shown,
    ),
    Case(
        "python-in-a-script",
        PlanError,
        ("0002 names", "it is Python (migrations/0002_names.py:1)", "trek plan +1 --sql", "trek migrate +1"),
        {**USERS, "0002_names.py": "async def upgrade(connection):\n    pass\n", **BILLS},
        act=script,
    ),
    Case(
        "history-lost-rows",
        PlanOutdated,
        ("lost rows", "Nothing was changed", "never deleted"),
        {**USERS, **ORDERS, **BILLS},
        shrunk,
        apply_shown,
    ),
)

CASES = (*TARGETS, *DATABASES)
