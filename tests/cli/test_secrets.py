"""A wrong password, wherever it came from, is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cli.project import USERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cli.project import Project
    from trek_asyncpg.embedded import EmbeddedServer

TYPED, MEANT = "sword%40fish%2F7", "sword@fish/7"


@pytest.fixture
async def wrong(password_server: EmbeddedServer) -> AsyncIterator[str]:
    """A DSN with a wrong password."""
    admin = await asyncpg.connect(password_server.dsn())
    await admin.execute("CREATE ROLE ada LOGIN PASSWORD 'right'")
    yield password_server.dsn().replace("//postgres@", f"//ada:{TYPED}@")
    await admin.execute("DROP ROLE ada")
    await admin.close()


@pytest.mark.parametrize("traceback", ["", "1"])
@pytest.mark.parametrize("where", ["option", "TREK_DSN", "DATABASE_URL", "file"])
def test_a_wrong_password_gives_2_and_is_not_shown(offline: Project, wrong: str, where: str, traceback: str) -> None:
    offline.environ["TREK_TRACEBACK"] = traceback
    offline.write({"0001_users.sql": USERS})
    if where == "file":
        (offline.folder / "trek.toml").write_text(f"dsn = '{wrong}'\n")
    elif where != "option":
        offline.environ[where] = wrong
    ended = offline.run("migrate", "--json", *(["--dsn", wrong] if where == "option" else []))
    assert ended.code == 2
    assert "ada" in ended.err
    assert "InvalidPasswordError" in ended.err
    assert [word for word in (TYPED, MEANT) if word in ended.out + ended.err] == []


LEAK = """
from contextlib import asynccontextmanager
from trek_core.plugin import ExecutorProvider, hookimpl

@asynccontextmanager
async def connect(dsn, settings):
    raise RuntimeError(f"no way to {dsn}")
    yield

@hookimpl
def trek_register_executors():
    yield ExecutorProvider("leak", ("leak",), connect)
"""


@pytest.mark.parametrize("traceback", ["", "1"])
def test_a_plugin_that_shows_the_dsn_is_blamed_without_the_password(offline: Project, traceback: str) -> None:
    offline.environ["TREK_TRACEBACK"] = traceback
    offline.write({"0001_users.sql": USERS})
    (offline.folder / "trek.toml").write_text("dsn = 'leak://ada:swordfish@h/d'\n")
    offline.install("leak", LEAK)
    ended = offline.run("status")
    assert ended.code == 2
    assert "'leak' (leak 1.2)" in ended.err
    assert "no way to leak://ada:***@h/d" in ended.err
    assert "swordfish" not in ended.out + ended.err
