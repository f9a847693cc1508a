"""How a user says how migrations are sent and how long they may take: by name, in the configuration, in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.run.folders import clean, tables, two, write
from tests.run.test_observers import Ear
from trek_asyncpg import AsyncpgBackend, RunSettings, migrate
from trek_core import ConfigError, MigrationFailed
from trek_core.cli._app import cli
from trek_core.events import Started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(20);\n"
PYTHON = """
    {constant}
    async def upgrade(connection):
        await connection.execute("CREATE TABLE slow (id int)")
        await connection.execute("SELECT pg_sleep(20)")
"""
OWN = {
    "2_slow.sql": "-- trek: statement-timeout 50ms\n" + SLOW,
    "2_slow.py": PYTHON.format(constant='statement_timeout = "50ms"'),
}
PLAIN = {"2_slow.sql": SLOW, "2_slow.py": PYTHON.format(constant="")}


@pytest.mark.parametrize(("name", "text"), OWN.items(), ids=OWN)
async def test_a_statement_timeout_of_a_file_bounds_its_statements_and_no_others(
    connection: Connection, tmp_path: Path, name: str, text: str
) -> None:
    after = {"3_after.sql": "SELECT pg_sleep(0.1);", "1_before.sql": "SELECT pg_sleep(0.1);"}
    folder = write(tmp_path, {name: text, **after})
    with pytest.raises(MigrationFailed, match="statement timeout") as failed:
        await migrate(connection, folder)
    assert failed.value.failure.sqlstate == "57014"
    assert await tables(connection) == set()
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    write(tmp_path, {name: text.replace("pg_sleep(20)", "pg_sleep(0)")})
    assert len((await migrate(connection, folder)).ran) == 2
    await clean(connection)


@pytest.mark.parametrize("inside", [False, True], ids=["", "inside the caller's transaction"])
@pytest.mark.parametrize(("name", "text"), PLAIN.items(), ids=PLAIN)
async def test_a_statement_timeout_of_the_settings_bounds_every_statement(
    connection: Connection, tmp_path: Path, name: str, text: str, inside: bool
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", name: text})
    transaction = connection.transaction()
    if inside:
        await transaction.start()
    with pytest.raises(MigrationFailed, match="statement timeout"):
        await migrate(connection, folder, statement_timeout=0.05)
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    if inside:
        await transaction.rollback()
    assert await tables(connection) == (set() if inside else {"a"})


@pytest.mark.parametrize(("name", "text"), OWN.items(), ids=OWN)
async def test_a_files_own_timeouts_win_over_the_settings(
    connection: Connection, tmp_path: Path, name: str, text: str
) -> None:
    look = "CREATE TABLE look AS SELECT current_setting('statement_timeout') s, current_setting('lock_timeout') l;"
    own = "-- trek: statement-timeout 7s\n-- trek: lock-timeout 9s\n"
    folder = write(tmp_path, {"1_own.sql": own + look, "2_plain.sql": look.replace("look", "plain")})
    await migrate(connection, folder, statement_timeout=11, lock_timeout=0)
    assert tuple(await connection.fetchrow("TABLE look")) == ("7s", "9s")
    assert tuple(await connection.fetchrow("TABLE plain")) == ("11s", "0")


async def test_together_1_sends_one_migration_at_a_time(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    report = await migrate(connection, two(tmp_path), together=1, observers=[ear.observer])
    assert [ran.together for ran in report.ran] == [1, 1]
    assert [event.together for event in ear.events if isinstance(event, Started)] == [1, 1]


def test_the_configuration_reaches_the_run(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "migrations", {"1_slow.sql": SLOW})
    lines = [f'dsn = "{database.dsn}"', "[executor-settings]", "statement-timeout = 0.05"]
    (tmp_path / "trek.toml").write_text("\n".join(lines))
    result = CliRunner().invoke(cli, ["migrate"])
    assert isinstance(result.exception, MigrationFailed)
    assert "statement timeout" in str(result.exception)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"together": 0}, "together is 0, want a whole number, 1 or more"),
        ({"together": 1.5}, "together is 1.5"),
        ({"lock_timeout": -1}, r"lock-timeout is -1, want seconds from 0\.001"),
        ({"lock_timeout": 0.0001}, r"lock-timeout is 0\.0001"),
        ({"statement_timeout": float("nan")}, "statement-timeout is nan"),
        ({"statement_timeout": "5s"}, "statement-timeout is '5s'"),
        ({"lock_patience": -1}, "lock-patience is -1, want seconds, 0 or more"),
        ({"lock_patience": None}, "lock-patience is None"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_value(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RunSettings(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=said):
        AsyncpgBackend("postgresql://nowhere", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lock_wait": -1}, "lock_wait is -1, want seconds, 0 or more"),
        ({"lock_wait": float("nan")}, "lock_wait is nan"),
        ({"expect_database": ""}, "expect_database is empty"),
    ],
)
async def test_so_is_what_holds_for_any_executor(connection: Connection, given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await migrate(connection, "migrations", **given)  # type: ignore[arg-type]
