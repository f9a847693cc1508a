"""Where migrations lie, and which database is meant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.errors.stage import Case, Stage
from trek_asyncpg import migrate
from trek_core import ConfigError, Duplicate
from trek_core._config import configure, refuse_unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

USERS = {"0001_users.sql": "CREATE TABLE users (id int PRIMARY KEY);\n"}
TWO = '[databases.shop]\ndsn = "${SHOP_DSN}"\n[databases.billing]\ndsn = "postgresql://h/billing"\n'


async def with_a_library(stage: Stage) -> object:
    (stage.root / "shop_auth/migrations").mkdir(parents=True)
    for name in ("__init__.py", "migrations/__init__.py", "migrations/0001_accounts.sql"):
        (stage.root / "shop_auth" / name).write_text("SELECT 1;" if name.endswith(".sql") else "")
    stage.fixture("monkeypatch").syspath_prepend(stage.root)
    return await migrate(stage.connection, ["migrations", "package:shop_auth.migrations"])


async def with_an_empty_library(stage: Stage) -> object:
    (stage.root / "shop_empty/migrations").mkdir(parents=True)
    for name in ("__init__.py", "migrations/__init__.py"):
        (stage.root / "shop_empty" / name).write_text("")
    stage.fixture("monkeypatch").syspath_prepend(stage.root)
    return await migrate(stage.connection, ["migrations", "package:shop_empty.migrations"])


async def with_no_library(stage: Stage) -> object:
    stage.instead[sys.prefix] = "/srv/app/.venv"
    return await migrate(stage.connection, "package:shop_gone.migrations")


def chosen(database: str | None) -> Callable[[Stage], Awaitable[object]]:
    async def act(stage: Stage) -> object:
        (stage.root / "trek.toml").write_text(TWO)
        refuse_unset(configure(stage.root, {}, database=database).settings)
        return None

    return act


async def beside_a_variable(stage: Stage) -> object:
    (stage.root / "trek.toml").write_text(TWO)
    return configure(stage.root, {"TREK_DSN": "postgresql://h/other"}, database="billing")


CASES = (
    Case(
        "one-revision-in-two-folders",
        Duplicate,
        ("migrations/0001_users.sql", "package:shop_auth.migrations/0001_accounts.sql", "auth.0001_users.sql"),
        USERS,
        act=with_a_library,
    ),
    Case(
        "package-not-installed", ConfigError, ("'shop_gone'", "/srv/app/.venv", "pip install -e ."), act=with_no_library
    ),
    Case(
        "package-without-migrations",
        ConfigError,
        ("'package:shop_empty.migrations'", "__init__.py", "wheel"),
        USERS,
        act=with_an_empty_library,
    ),
    Case("no-database-chosen", ConfigError, ("shop, billing", "--database NAME", "TREK_DATABASE"), act=chosen(None)),
    Case("unknown-database", ConfigError, ("'bilding'", "'billing'", "shop, billing"), act=chosen("bilding")),
    Case("unset-variable", ConfigError, ("dsn", "SHOP_DSN", "Set it"), act=chosen("shop")),
    Case("two-databases-meant", ConfigError, ("TREK_DSN", "'billing'", "--dsn"), act=beside_a_variable),
)
