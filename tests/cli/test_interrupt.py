"""Ctrl-C: exit code 130, and what is said of the migration that was running."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS, WAIT, interrupt, tables

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.cli.project import Project
    from tests.support.databases import Connection


@pytest.mark.parametrize("words", [[], ["--json"]])
async def test_ctrl_c_gives_130_says_what_was_done_and_leaves_the_database_usable(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]], words: list[str]
) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": f"CREATE TABLE half (id int);\n{WAIT}"})
    process = project.start("migrate", *words)
    await somebody_waits()
    await asyncio.to_thread(interrupt, process)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 130
    assert "interrupted. Done before it in this run: 0001.\n0002 wait was rolled back" in err
    assert "Traceback" not in err
    if words:
        assert json.loads(out)["error"]["type"] == "Interrupted"
    assert await tables(held) & {"users", "half"} == {"users"}
    await held.execute("SELECT pg_advisory_unlock_all()")
    assert (await asyncio.to_thread(project.run, "migrate")).out.startswith("applied 0002 wait")


async def test_ctrl_c_outside_a_transaction_says_what_stays_and_the_way_out(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]]
) -> None:
    steps = f"-- trek: no-transaction\nCREATE TABLE half (id int);\n{WAIT}SELECT 2;\n"
    project.write({"0001_steps.sql": steps, "0002_more.sql": "SELECT 1;"})
    process = project.start("migrate")
    await somebody_waits()
    await asyncio.to_thread(interrupt, process)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out) == (130, "")
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
