"""A password of a DSN is never shown: in no message, traceback, log or document."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cli.project import Project
from trek_asyncpg import migrate
from trek_core import ConfigError, ConnectError

if TYPE_CHECKING:
    from pathlib import Path

    from trek_asyncpg.embedded import EmbeddedServer

    Pool = asyncpg.Pool[asyncpg.Record]

SECRET = "Tr0ub4dor"
UNREACHABLE = {
    "nobody listens": f"postgresql://app:{SECRET}@127.0.0.1:1/shop",
    "no such host": f"postgresql://app:{SECRET}@db.invalid/shop",
    "in the query": f"postgresql://app@127.0.0.1:1/shop?password={SECRET}",
}
MALFORMED = {
    "a letter in the port": f"postgresql://app:{SECRET}@127.0.0.1:5o32/shop",
    "a raw slash": f"postgresql://app:{SECRET}/{SECRET}@127.0.0.1:1/shop",
    "a raw at": f"postgresql://app:{SECRET}@{SECRET}@127.0.0.1:1/shop",
    "a raw slash and quotes": f"postgresql://app:{SECRET}'{SECRET}\"{SECRET}\\/{SECRET}@127.0.0.1:1/shop",
    "a raw bracket": f"postgresql://app:{SECRET}[{SECRET}@127.0.0.1:1/shop",
    "a broken percent": f"postgresql://app:%zz{SECRET}@127.0.0.1:1/shop",
    "another scheme": f"mysql://app:{SECRET}@127.0.0.1:1/shop",
    "no URL": f"host=127.0.0.1 port=1 user=app password={SECRET} dbname=shop",
    "an unknown sslmode": f"postgresql://app:{SECRET}@127.0.0.1:1/shop?sslmode=sometimes",
}


@pytest.fixture
def wrong_password(password_server: EmbeddedServer) -> str:
    return password_server.dsn().replace("postgres@", f"app:{SECRET}@")


async def told(dsn: str | Pool, folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Everything that a user, a log and a traceback of the whole chain show."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises((ConfigError, ConnectError)) as raised:
        await migrate(dsn, folder)
    return "\n".join([*traceback.format_exception(raised.value), repr(raised.value), caplog.text])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_users.sql").write_text("CREATE TABLE users (id int);")
    return tmp_path / "migrations"


@pytest.mark.parametrize("dsn", [*UNREACHABLE.values(), *MALFORMED.values()], ids=[*UNREACHABLE, *MALFORMED])
async def test_the_password_of_an_unusable_dsn_is_not_shown(
    dsn: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown = await told(dsn, folder, caplog)
    assert SECRET not in shown
    assert "***" in shown


async def test_a_password_that_passes_for_a_port_is_not_shown(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert "4217" not in await told("postgresql://127.0.0.1:4217/x@db.invalid/shop", folder, caplog)


async def test_a_pool_that_cannot_connect_shows_no_password(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncpg.create_pool(UNREACHABLE["nobody listens"], min_size=0) as pool:
        shown = await told(pool, folder, caplog)
    assert "the pool gave no connection: ConnectionRefusedError" in shown
    assert SECRET not in shown


async def test_a_wrong_password_is_not_shown(
    wrong_password: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown = await told(wrong_password, folder, caplog)
    assert "password authentication failed" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("name", ["nobody listens", "a letter in the port", "a raw slash", "an unknown sslmode"])
def test_the_command_shows_no_password_in_text_traceback_or_json(name: str, folder: Path) -> None:
    project = Project(folder.parent, (UNREACHABLE | MALFORMED)[name], {"TREK_TRACEBACK": "1"})
    ended = project.run("migrate", "--json")
    assert ended.code == 2
    assert ended.json["error"]["type"] in ("ConfigError", "ConnectError")
    assert "***" in ended.json["error"]["message"]
    assert SECRET not in ended.out + ended.err


def test_the_command_shows_no_wrong_password(wrong_password: str, folder: Path) -> None:
    ended = Project(folder.parent, wrong_password, {"TREK_TRACEBACK": "1"}).run("status", "--json")
    assert ended.json["error"]["type"] == "ConnectError"
    assert "password authentication failed" in ended.json["error"]["message"]
    assert SECRET not in ended.out + ended.err
