"""Another database than expected, rights that are missing, servers that are no PostgreSQL, and bodies that escape."""

from __future__ import annotations

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, Stage, to
from trek_asyncpg import migrate
from trek_core import ConfigError, MigrationFailed, ReadOnly

ORDERS = {**USERS, "0002_orders.sql": "CREATE TABLE orders (id int);\n"}
EDGES = {"20240101_initial_up_users.sql": "CREATE TABLE users (id int);\n"}
HERE = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid FROM pg_database"
    " WHERE datname = current_database()"
)
COCKROACH = "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27, go1.19.13)"
ESCAPES = {
    "0002_orders.py": "async def upgrade(connection):\n    await connection.execute('CREATE TABLE orders (id int)')\n"
    "    await connection.execute('COMMIT')\n    await connection.execute('CREATE TABLE bills (id int)')\n"
}
ESCAPES_AND_FAILS = {"0002_orders.py": ESCAPES["0002_orders.py"] + "    raise RuntimeError('no bills')\n"}
WAITS = {
    "0002_orders.py": "import time\n\n\nasync def upgrade(connection):\n    rates = time.sleep(0.5)  # it asks a slow service\n"
    "    await connection.execute('CREATE TABLE orders (id int)')\n"
}
same = to("head", expect_database="same")


async def at_users(stage: Stage) -> None:
    await stage.migrate("0001")
    stage.instead[await stage.connection.fetchval(HERE)] = "7412345678901234567/16999"


async def expect_live(stage: Stage) -> object:
    return await stage.migrate(expect_database="shop_live")


async def written_elsewhere(stage: Stage) -> None:
    await at_users(stage)
    await stage.connection.execute("UPDATE trek_history SET database = '7412345678901234567/16384'")


async def guest(stage: Stage, prepared: str) -> None:
    """Another role, that may do everything with revision 0001 but what is taken away."""
    await at_users(stage)
    role = await stage.make_role("LOGIN")
    await stage.connection.execute(f"GRANT ALL ON trek_history TO {role}; GRANT ALL ON SCHEMA public TO {role}")
    await stage.connection.execute(prepared.format(role=role))
    stage.keep["as"] = await stage.database.connect(user=role)


async def hardened(stage: Stage) -> None:
    await guest(stage, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")


async def without_insert(stage: Stage) -> None:
    await guest(stage, "REVOKE INSERT ON trek_history FROM {role}")


async def without_alter(stage: Stage) -> None:
    await guest(stage, "ALTER TABLE trek_history DROP COLUMN database; ALTER TABLE trek_history OWNER TO CURRENT_USER")
    stage.instead[f"owner, {await stage.connection.fetchval('SELECT current_user')!r}"] = "owner, 'shop_owner'"


async def idle_for_200_ms(stage: Stage) -> None:
    await stage.connection.execute("SET idle_in_transaction_session_timeout = '200ms'")


async def other_operators(stage: Stage) -> None:
    await stage.connection.execute(
        "CREATE SCHEMA old; SET search_path = old, pg_catalog, public;"
        "CREATE FUNCTION same(text, text) RETURNS bool LANGUAGE sql AS 'SELECT lower($1) LIKE lower($2)';"
        "CREATE OPERATOR old.= (LEFTARG = text, RIGHTARG = text, FUNCTION = same)"
    )


async def before_each_row(stage: Stage) -> None:
    await stage.migrate()
    await stage.connection.execute(
        "CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER audit BEFORE INSERT OR UPDATE ON trek_history FOR EACH ROW EXECUTE FUNCTION audited()"
    )
    stage.write(ORDERS)


async def told_everything(stage: Stage) -> None:
    await stage.connection.execute("SET client_min_messages = debug5")


async def as_guest(stage: Stage) -> object:
    return await migrate(stage.keep["as"], "migrations")


async def same_as_guest(stage: Stage) -> object:
    return await migrate(stage.keep["as"], "migrations", expect_database="same")


async def same_of_edges(stage: Stage) -> object:
    return await stage.migrate(format="asyncpg-trek", expect_database="same")


async def at_cockroach(stage: Stage) -> None:
    await stage.connection.execute(
        f"CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$ SELECT '{COCKROACH}' $$"
    )


CASES = (
    Case(
        "another-database",
        ConfigError,
        ("expected 'shop_live'", "found 'shop', identity 7412345678901234567/16999", "Correct the DSN"),
        ORDERS,
        at_users,
        expect_live,
    ),
    Case(
        "written-in-another-database",
        ConfigError,
        ("identity 7412345678901234567/16384", "'shop', identity 7412345678901234567/16999", "--expect-database"),
        ORDERS,
        written_elsewhere,
        same,
    ),
    Case(
        "identity-not-told",
        ConfigError,
        ("'reporting'", 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO "reporting"'),
        ORDERS,
        hardened,
        same_as_guest,
    ),
    Case("identity-not-kept", ConfigError, ("does not keep", "store 'native'"), EDGES, act=same_of_edges),
    Case("role-without-insert", ReadOnly, ("GRANT INSERT, UPDATE", '"reporting"'), ORDERS, without_insert, as_guest),
    Case(
        "role-without-alter",
        ReadOnly,
        ("lacks the column database", "'shop_owner'", "ADD COLUMN database text;"),
        ORDERS,
        without_alter,
        as_guest,
    ),
    Case("rows-lost-by-the-driver", ConfigError, ("SET client_min_messages = notice",), USERS, told_everything),
    Case(
        "operators-before-the-servers-own",
        ConfigError,
        ("search_path", "old.= (text, text)", "leave it out"),
        USERS,
        other_operators,
    ),
    Case(
        "trigger-on-the-history",
        ReadOnly,
        ("the TRIGGER audit", "DISABLE TRIGGER audit;", "AFTER"),
        USERS,
        before_each_row,
    ),
    Case("no-postgresql", ReadOnly, (COCKROACH, "is no PostgreSQL"), USERS, at_cockroach),
    Case(
        "python-ends-the-transaction",
        MigrationFailed,
        ("migrations/0002_orders.py", "it ended the transaction", "is committed, without record", "Remove COMMIT"),
        {**USERS, **ESCAPES},
        writes=True,
    ),
    Case(
        "python-ends-the-transaction-and-fails",
        MigrationFailed,
        ("migrations/0002_orders.py:5", "no bills", "Before that it ended the transaction", "with a COMMIT"),
        {**USERS, **ESCAPES_AND_FAILS},
        writes=True,
    ),
    Case(
        "python-waits-too-long",
        MigrationFailed,
        (
            "0002_orders.py",
            "idle_in_transaction_session_timeout is 200ms",
            "SET LOCAL",
            "whether 0002 was committed is unknown",
        ),
        {**USERS, **WAITS},
        idle_for_200_ms,
        writes=True,
    ),
)
