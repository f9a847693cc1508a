"""What a DSN says beside the place: the name of the application, and parameters that are not the server's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.folders import write
from trek_asyncpg import AsyncpgExecutor, migrate
from trek_asyncpg._connect import ConnectSettings, from_dsn
from trek_core import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Database

FILES = {"1_a.sql": "CREATE TABLE a (id int);"}


def with_parameters(dsn: str, query: str) -> str:
    return f"{dsn}{'&' if '?' in dsn else '?'}{query}" if query else dsn


@pytest.mark.parametrize("said", ["", "application_name=mine"])
@pytest.mark.parametrize("environ", ["", "deploy"])
async def test_the_history_keeps_the_name_of_the_dsn_else_of_pgappname_else_trek(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, environ: str
) -> None:
    monkeypatch.setenv("PGAPPNAME", environ)
    await migrate(with_parameters(database.dsn, said), write(tmp_path / "m", FILES))
    connection = await database.connect()
    found = await connection.fetchval("SELECT application FROM trek_history")
    assert found == ("mine" if said else environ or "trek")


async def test_a_name_that_is_configured_is_above_both(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "deploy")
    dsn = with_parameters(database.dsn, "application_name=mine")
    async with from_dsn(dsn, ConnectSettings(application_name="the job")) as executor:
        assert isinstance(executor, AsyncpgExecutor)
        assert await executor.connection.fetchval("SHOW application_name") == "the job"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("schema=public", ["The parameter 'schema' is read by Prisma", "search_path=…", "the store's setting schema"]),
        ("schema=a&connection_limit=5", ["'schema' is read by Prisma", "'connection_limit' is read by Prisma"]),
        ("x-migrations-table=m", ["'x-migrations-table' is read by golang-migrate", "the store's setting table"]),
        ("x-lock-strategy=table", ["'x-lock-strategy' is read by golang-migrate", "leave it out of trek's DSN."]),
        ("connect_timeout=3", ["'connect_timeout' is read by libpq", "connect-timeout is a setting of the executor"]),
        ("channel_binding=require", ["'channel_binding' is read by libpq", "leave it out of trek's DSN."]),
        ("serverVersion=16&charset=utf8", ["'serverVersion' is read by Doctrine", "'charset' is read by Doctrine"]),
        ("ssl=true", ["'ssl' is read by pgjdbc", "sslmode=require"]),
        ("nonsense=1", ["The parameter 'nonsense' goes to the server, which refuses it", "another tool's"]),
        ("work_mem=much", ["The parameter 'work_mem' goes to the server, which refuses it: correct it"]),
    ],
)
async def test_a_parameter_that_the_server_refuses_is_named_with_whose_it_is_and_what_to_do(
    database: Database, tmp_path: Path, said: str, told: list[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        await migrate(with_parameters(database.dsn, said), write(tmp_path / "m", FILES))
    assert "Is the server running" not in str(refused.value)
    assert [words for words in told if words not in str(refused.value)] == []


async def test_a_parameter_of_the_servers_own_is_none_of_them(database: Database, tmp_path: Path) -> None:
    dsn = with_parameters(database.dsn, "statement_timeout=5000&my.own=thing")
    assert len((await migrate(dsn, write(tmp_path / "m", FILES))).ran) == 1
