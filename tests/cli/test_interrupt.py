"""Ctrl-C and SIGTERM: exit code 130, and what is said of the migration that was running; nothing is left on the server."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS, WAIT, interrupt, tables
from trek_asyncpg import migrate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.cli.project import Project
    from tests.support.databases import Connection, Database


async def nothing_left(connection: Connection) -> None:
    """The statement was cancelled on the server, and the migration lock is free: at once, but for the process's last breath."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'trek'"
    )
    async with asyncio.timeout(5):
        while await connection.fetchval(busy):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ([], (signal.SIGINT, 1)),
        (["--json"], (signal.SIGINT, 1)),
        ([], (signal.SIGINT, 2)),
        ([], (signal.SIGTERM, 1)),
        (["--json"], (signal.SIGTERM, 2)),
    ],
)
async def test_a_signal_gives_130_says_what_was_done_and_leaves_the_database_usable(
    project: Project,
    held: Connection,
    somebody_waits: Callable[[], Awaitable[None]],
    words: list[str],
    sent: tuple[signal.Signals, int],
) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": f"CREATE TABLE half (id int);\n{WAIT}"})
    process = project.start("migrate", *words)
    await somebody_waits()
    await asyncio.to_thread(interrupt, process, *sent)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 130
    await nothing_left(held)
    assert "interrupted. Done before it in this run: 0001.\n0002 wait was rolled back" in err
    assert "Traceback" not in err
    if words:
        assert json.loads(out)["error"]["type"] == "Interrupted"
    assert await tables(held) & {"users", "half"} == {"users"}
    await held.execute("SELECT pg_advisory_unlock_all()")
    assert (await asyncio.to_thread(project.run, "migrate")).out.startswith("applied 0002 wait")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_outside_a_transaction_says_what_stays_and_the_way_out(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]], number: signal.Signals
) -> None:
    steps = f"-- trek: no-transaction\nCREATE TABLE half (id int);\n{WAIT}SELECT 2;\n"
    project.write({"0001_steps.sql": steps, "0002_more.sql": "SELECT 1;"})
    process = project.start("migrate")
    await somebody_waits()
    await asyncio.to_thread(interrupt, process, number)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out) == (130, "")
    await nothing_left(held)
    assert "Nothing was done before it in this run." in err
    assert "0001 steps was interrupted outside a transaction: what it did stays (1 of 3 statements known" in err
    assert "`trek repair 0001 --applied` or `trek repair 0001 --not-applied`" in err
    assert "rolled back" not in err
    assert "half" in await tables(held)
    await held.execute("SELECT pg_advisory_unlock_all()")
    assert (await asyncio.to_thread(project.run, "repair", "0001", "--applied")).code == 0
    assert (await asyncio.to_thread(project.run, "migrate")).out.startswith("applied 0002 more")


async def test_ctrl_c_while_waiting_for_the_lock_says_that_nothing_was_done(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]]
) -> None:
    project.write({"0001_wait.sql": WAIT})
    first = project.start("migrate")
    await somebody_waits()
    second = project.start("migrate")
    assert second.stderr is not None
    await asyncio.to_thread(second.stderr.readline)
    await asyncio.to_thread(interrupt, second)
    _, err = await asyncio.to_thread(second.communicate, timeout=60)
    assert second.returncode == 130
    assert err.startswith("interrupted. Nothing was done in this run.\n`trek status`")
    await held.execute("SELECT pg_advisory_unlock_all()")
    await asyncio.to_thread(first.communicate, timeout=60)
    assert first.returncode == 0


async def test_the_library_installs_no_handlers(database: Database, tmp_path: Path) -> None:
    """A program that calls trek keeps its own, also while a migration runs."""
    (tmp_path / "0001_look.py").write_text(
        "import signal\n\n\nasync def upgrade(connection):\n"
        "    found = [str(id(signal.getsignal(n))) for n in (signal.SIGINT, signal.SIGTERM)]\n"
        "    await connection.execute('CREATE TABLE found AS SELECT unnest($1::text[]) AS handler', found)\n"
    )
    before = [str(id(signal.getsignal(number))) for number in (signal.SIGINT, signal.SIGTERM)]
    await migrate(database.dsn, str(tmp_path))
    connection = await database.connect()
    assert [row["handler"] for row in await connection.fetch("SELECT handler FROM found")] == before
