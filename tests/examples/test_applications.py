"""The examples run as their pages say: as servers and programs of their own, on a real database."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.examples.programs import DOOR, EXAMPLES, PATIENCE, environ, guest_book, server
from tests.run.folders import applied

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

ANN = {"name": "Ann", "word": "hello"}


async def test_the_starlette_application_with_four_workers_migrates_once_and_takes_requests(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    with guest_book(environ(database.dsn), tmp_path / "log", workers=4) as running:
        async with await running.client() as client:
            assert (await client.post("/guests", json=ANN)).status_code == 201
            assert (await client.get("/guests")).json() == [ANN]
            ready = await client.get("/migrations/ready")
            assert (ready.status_code, ready.json()) == (200, {"ready": True, "state": "current"})
            assert (await client.get("/migrations/status")).status_code == 401
            assert (await client.get("/migrations/status", headers=DOOR)).json()["state"] == "current"
        assert running.stop() in (0, -15), running.log
    assert await applied(connection) == ["0001", "0002"]
    assert len(re.findall(r"trek\.run INFO applied 0002 word", running.log)) == 1
    assert "Traceback" not in running.log


async def test_an_application_that_cannot_migrate_does_not_start_and_says_why(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE guests ()")
    with guest_book(environ(database.dsn), tmp_path / "log") as failing:
        assert failing.process.wait(PATIENCE) != 0
    assert 'applying 0001 guests failed: relation "guests" already exists' in failing.log


async def test_a_server_that_is_told_to_stop_ends_with_the_run_whose_client_is_gone(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(EXAMPLES / "starlette_app/migrations", folder)
    with guest_book(environ(database.dsn, TREK_DIR=str(folder)), tmp_path / "log") as running:
        async with await running.client() as client:
            (folder / "0003_slow.sql").write_text("SELECT pg_sleep(2);")
            async with client.stream("POST", "/migrations/migrate", headers=DOOR) as answer:
                lines = answer.aiter_lines()
                while await anext(lines) != "event: started":
                    pass
        assert running.stop() in (0, -15), running.log
    assert await applied(connection) == ["0001", "0002", "0003"]
    assert "Traceback" not in running.log


async def test_the_aiohttp_application_migrates_when_it_starts(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    code = (
        "import runpy, sys; from aiohttp import web; sys.argv[0] = sys.argv.pop(1);"
        "run = web.run_app; web.run_app = lambda app, **_: run(app, host='127.0.0.1', port=0, print=print);"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = ["-c", code, str(EXAMPLES / "aiohttp_app/app.py")]
    with server(command, environ(database.dsn), tmp_path / "log", r"Running on (http://\S+)") as running:
        async with await running.client() as client:
            assert (await client.post("/guests", json=ANN)).status_code == 201
            assert (await client.get("/guests")).json() == [ANN]
            assert (await client.get("/ready")).json() == {"state": "current"}
        assert running.stop() == 0, running.log
    assert await applied(connection) == ["0001", "0002"]
    assert "trek.run INFO applied 0001 guests" in running.log


# --------------------------------------------------------------------------- the script
def deploy(dsn: str, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "script/deploy.py"), *words]
    return subprocess.run(
        command, env=environ(dsn), input=answer, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


async def test_the_script_asks_and_runs_what_it_has_shown(database: Database, connection: Connection) -> None:
    refused = deploy(database.dsn, answer="n\n")
    assert refused.returncode == 2, refused.stderr
    assert refused.stdout.startswith("apply 0001 guests\napply 0002 word\n")
    assert await applied(connection) == []
    done = deploy(database.dsn, answer="y\n")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [fields["trek_event"] for fields in told] == ["run_started", "done", "done", "run_finished"]
    assert (told[1]["trek_revision"], told[1]["trek_database"]) == ("0001", database.name)
    assert deploy(database.dsn).stdout == "nothing to do\n"
    assert deploy(database.dsn, "base", "--yes").returncode == 0
    wrong = deploy(database.dsn, "0009")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
    assert "0009" in wrong.stderr


# --------------------------------------------------------------------------- their pages
@pytest.mark.parametrize("page", sorted(EXAMPLES.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_a_page_has_at_most_thirty_lines(page: Path) -> None:
    assert page.parent.name == "shop" or len(page.read_text(encoding="utf-8").splitlines()) <= 30


def test_there_is_no_example_without_a_page() -> None:
    folders = {path for path in EXAMPLES.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == {page.parent for page in EXAMPLES.glob("*/README.md")}
