"""The ASGI application: who may, what it answers, and what becomes of a run whose client is gone."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.run.folders import applied, sleeping, two, until, until_awake, until_sleeping, write
from trek_asyncpg import AsyncpgBackend
from trek_asyncpg.asgi import MigrationApp, bearer
from trek_core import ConfigError, Migrator, Observer
from trek_core.events import LockWaiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

TOKEN = "open sesame"
DOOR = {"authorization": f"Bearer {TOKEN}"}
SECRET = "swordfish"


def app(database: Database | str, folder: Path | str, **options: Any) -> MigrationApp:
    backend = AsyncpgBackend(database if isinstance(database, str) else database.dsn)
    return MigrationApp(Migrator(backend, folder, **options), authorize=bearer(TOKEN))


async def ask(
    application: Any, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


async def migrate(application: Any, query: str = "") -> httpx.Response:
    return await ask(application, f"/migrate{query}", "POST", DOOR)


async def gated(connection: Connection, folder: Path) -> str:
    """Two migrations, the first of which ends when somebody inserts a row into the table `gate`."""
    await connection.execute("CREATE TABLE gate (open bool)")
    body = "DO 'BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.05); END LOOP; END'"
    return write(folder, {"1_gate.sql": body, "2_b.sql": "CREATE TABLE b ();"})


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The name and the data of each event of a stream."""
    parts = [part.split("\n") for part in text.strip().split("\n\n") if not part.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def names(answer: httpx.Response) -> list[str]:
    return [name for name, _ in events(answer.text)]


# --------------------------------------------------------------------------- who may
@pytest.mark.parametrize("nobody", [None, "a word", True])
def test_without_a_function_that_says_who_may_there_is_no_application(nobody: Any) -> None:
    migrator = Migrator(AsyncpgBackend("postgresql://h/d"))
    with pytest.raises(ConfigError, match=r"bearer\(token\)"):
        MigrationApp(migrator, authorize=nobody)
    with pytest.raises(TypeError, match="authorize"):
        MigrationApp(migrator)  # type: ignore[call-arg]


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="variable"):
        bearer("")


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
@pytest.mark.parametrize("way", [("/status", "GET"), ("/migrate", "POST")])
async def test_who_has_not_the_token_is_refused_and_nothing_is_read_or_done(
    connection: Connection, database: Database, tmp_path: Path, way: tuple[str, str], given: str | None
) -> None:
    headers = {} if given is None else {"authorization": given}
    answer = await ask(app(database, two(tmp_path)), *way, headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["title"] == "Unauthorized"
    assert await applied(connection) == []


async def is_ann(scope: Any) -> bool:
    return scope["user"] == "ann"


@pytest.mark.parametrize(
    "authorize", [lambda scope: scope["user"] == "ann", is_ann], ids=["a function", "an async one"]
)
async def test_a_function_of_the_callers_own_decides(
    database: Database, tmp_path: Path, authorize: Callable[[Any], Any]
) -> None:
    inner = MigrationApp(Migrator(AsyncpgBackend(database.dsn), two(tmp_path)), authorize=authorize)

    def as_user(user: str) -> Any:
        return lambda scope, receive, send: inner({**scope, "user": user}, receive, send)

    assert (await ask(as_user("ann"), "/status")).status_code == 200
    assert (await ask(as_user("eve"), "/status")).status_code == 401


@pytest.mark.parametrize("said", [None, 1, "no", [False]])
async def test_nothing_but_true_opens_the_door(database: Database, tmp_path: Path, said: Any) -> None:
    closed = MigrationApp(Migrator(AsyncpgBackend(database.dsn), two(tmp_path)), authorize=lambda scope: said)
    assert (await ask(closed, "/status")).status_code == 401


async def test_what_the_function_raises_opens_nothing_and_is_for_the_log(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(scope: Any) -> bool:
        raise KeyError(SECRET)

    closed = MigrationApp(Migrator(AsyncpgBackend(database.dsn), two(tmp_path)), authorize=raises)
    answer = await ask(closed, "/status")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert SECRET in caplog.text


# --------------------------------------------------------------------------- looking
async def test_ready_is_503_until_nothing_is_pending_and_asks_for_no_credentials(
    database: Database, tmp_path: Path
) -> None:
    it = app(database, two(tmp_path))
    before = await ask(it, "/ready")
    assert (before.status_code, before.json()) == (503, {"ready": False, "state": "uninitialised"})
    await migrate(it)
    after = await ask(it, "/ready")
    assert (after.status_code, after.json()) == (200, {"ready": True, "state": "current"})
    write(tmp_path, {"3_c.sql": "SELECT 1;"})
    assert (await ask(it, "/ready")).json() == {"ready": False, "state": "pending"}


async def test_old_processes_stay_ready_while_a_release_is_ahead_of_them(database: Database, tmp_path: Path) -> None:
    it = app(database, two(tmp_path))
    await migrate(it)
    (tmp_path / "2_b.sql").unlink()
    answer = await ask(it, "/ready")
    assert (answer.status_code, answer.json()["state"]) == (200, "ahead")


async def test_old_processes_stay_ready_while_the_new_release_works_outside_a_transaction(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    old, new = app(database, two(tmp_path / "old")), app(database, two(tmp_path / "new"))
    await migrate(old)
    write(tmp_path / "new", {"3_slow.sql": "-- trek: no-transaction\nSELECT pg_sleep(60);"})
    run = asyncio.create_task(migrate(new))
    await until(lambda: sleeping(other), "the migration runs")
    assert (await ask(old, "/ready")).json() == {"ready": True, "state": "unfinished"}
    assert (await ask(new, "/ready")).json() == {"ready": False, "state": "unfinished"}
    await other.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    assert names(await run)[-1] == "problem"


async def test_without_a_server_it_is_not_ready_and_says_why_to_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    it = app(f"postgresql://app:{SECRET}@127.0.0.1:1/shop", two(tmp_path))
    answer = await ask(it, "/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "state": "unknown"})
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("trek.asgi", "WARNING")
    assert "cannot connect to postgresql://app:***@127.0.0.1:1/shop" in record.message
    assert SECRET not in caplog.text


async def test_status_is_told_revision_by_revision(database: Database, tmp_path: Path) -> None:
    it = app(database, two(tmp_path))
    await migrate(it, "?target=1")
    found = (await ask(it, "/status", headers=DOOR)).json()
    assert (found["state"], found["database"], found["history"]) == ("pending", database.name, "public.trek_history")
    assert found["revisions"] == [
        {"revision": "1", "title": "a", "state": "applied"},
        {"revision": "2", "title": "b", "state": "pending"},
    ]


# --------------------------------------------------------------------------- migrating
async def test_the_stream_begins_with_the_plan_and_ends_with_the_report(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    write(two(tmp_path) and tmp_path, {"3_i.sql": "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (id);"})
    answer = await migrate(app(database, tmp_path))
    assert answer.headers["content-type"] == "text/event-stream"
    found = events(answer.text)
    assert names(answer) == [
        *("plan", "run_started", "started", "done", "started", "done"),
        *("started", "statement_done", "done", "run_finished", "report"),
    ]
    assert [action["revision"] for action in found[0][1]["actions"]] == ["1", "2", "3"]
    assert [(ran["revision"], ran["verb"]) for ran in found[-1][1]["ran"]] == [(n, "apply") for n in "123"]
    assert await applied(connection) == ["1", "2", "3"]


async def test_nothing_to_do_is_an_empty_plan_and_an_empty_report(database: Database, tmp_path: Path) -> None:
    it = app(database, two(tmp_path))
    await migrate(it)
    answer = await migrate(it)
    assert names(answer) == ["plan", "report"]
    assert events(answer.text)[-1][1]["ran"] == []


async def test_going_down_has_to_be_meant(connection: Connection, database: Database, tmp_path: Path) -> None:
    write(tmp_path, {"1_a.sql": "CREATE TABLE a ();\n-- trek: down\nDROP TABLE a;"})
    it = app(database, tmp_path)
    await migrate(it)
    refused = await migrate(it, "?target=base")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "down=true" in refused.json()["detail"]
    assert await connection.fetchval("SELECT to_regclass('a')")
    answer = await migrate(it, "?target=base&down=true")
    assert [ran["verb"] for ran in events(answer.text)[-1][1]["ran"]] == ["revert"]
    assert await connection.fetchval("SELECT to_regclass('a')") is None


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        *(
            (query, (400, "BadRequest"))
            for query in ("?taget=1", "?target=", "?target=1&target=2", "?target=1&down=yes")
        ),
        ("?target=0009", (404, "UnknownRevision")),
    ],
)
async def test_what_is_not_understood_is_a_problem_and_nothing_runs(
    connection: Connection, database: Database, tmp_path: Path, query: str, wanted: tuple[int, str]
) -> None:
    answer = await migrate(app(database, two(tmp_path)), query)
    assert (answer.status_code, answer.json()["title"]) == wanted
    assert await applied(connection) == []


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/migrate", "GET", 405), ("/ready", "POST", 405)]
)
async def test_there_is_no_other_door(database: Database, tmp_path: Path, path: str, method: str, status: int) -> None:
    assert (await ask(app(database, tmp_path), path, method, DOOR)).status_code == status


async def test_a_migration_that_fails_ends_the_stream_with_treks_own_message(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(two(tmp_path) and tmp_path, {"3_bad.sql": "SELECT 1 / 0;"})
    answer = await migrate(app(database, tmp_path))
    assert names(answer)[-3:] == ["failed", "run_failed", "problem"]
    problem = events(answer.text)[-1][1]
    assert problem["title"] == "MigrationFailed"
    assert "3_bad.sql:1:1: applying 3 bad failed: division by zero" in problem["detail"]
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert error.name == "trek.asgi"


async def test_no_server_is_a_problem_without_the_password(tmp_path: Path) -> None:
    answer = await migrate(app(f"postgresql://app:{SECRET}@127.0.0.1:1/shop", two(tmp_path)))
    assert (answer.status_code, answer.json()["title"]) == (503, "ConnectError")
    assert "cannot connect to postgresql://app:***@" in answer.json()["detail"]
    assert SECRET not in answer.text


async def test_of_two_at_once_one_migrates_and_the_other_says_who_it_waits_for(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    waits = asyncio.Event()

    async def hear(event: object) -> None:
        if isinstance(event, LockWaiting):
            waits.set()

    it = app(database, await gated(other, tmp_path), observers=[Observer("ear", hear)])
    first = asyncio.create_task(migrate(it))
    await until(lambda: sleeping(other), "the first one runs")
    second = asyncio.create_task(migrate(it))
    await waits.wait()
    await other.execute("INSERT INTO gate VALUES (true)")
    assert names(await first)[-1] == "report"
    told = events((await second).text)
    (waiting, *_) = [data for name, data in told if name == "lock_waiting"]
    assert waiting["application"] == "trek"
    assert told[-1][0] == "report"
    assert told[-1][1]["ran"] == []
    assert await applied(other) == ["1", "2"]


# --------------------------------------------------------------------------- a client that goes away
def request(sent: list[Any], *, gone_after: int = 1000) -> tuple[Any, Any, Any]:
    """Scope, receive and send of a POST to /migrate, by hand."""
    headers = [(name.encode(), value.encode()) for name, value in DOOR.items()]
    scope = {"type": "http", "method": "POST", "path": "/migrate", "query_string": b"", "headers": headers}

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if len(sent) >= gone_after:
            raise ConnectionResetError
        sent.append(message)

    return scope, receive, send


async def test_the_run_goes_on_when_the_client_is_gone_and_the_request_lasts_as_long(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    sent: list[Any] = []
    await app(database, two(tmp_path))(*request(sent, gone_after=2))
    assert len(sent) == 2
    assert await applied(connection) == ["1", "2"]


async def test_the_run_goes_on_where_a_server_cancels_the_request(
    connection: Connection, database: Database, other: Connection, tmp_path: Path
) -> None:
    it = app(database, await gated(other, tmp_path))
    asking = asyncio.create_task(it(*request([])))
    await until(lambda: sleeping(other), "the migration runs")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await other.execute("INSERT INTO gate VALUES (true)")
    await asyncio.wait(it._runs)
    assert await applied(connection) == ["1", "2"]


async def test_a_stop_of_the_loop_cancels_the_run_cleanly(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    """As asyncio.run does with what is left: what ran is rolled back, and nothing stays locked."""
    it = app(database, write(tmp_path, {"1_slow.sql": "CREATE TABLE a (); SELECT pg_sleep(60);"}))
    sent: list[Any] = []
    asking = asyncio.create_task(it(*request(sent)))
    await until_sleeping(other)
    (run,) = it._runs
    run.cancel()
    await asking
    assert b"event: problem" in sent[-2]["body"]
    assert b"Cancelled" in sent[-2]["body"]
    await until_awake(other)
    assert await other.fetchval("SELECT to_regclass('a')") is None
    assert await applied(other) == []


async def test_a_long_statement_is_no_silence(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trek_asyncpg._http.QUIET", 0.05)
    sent: list[Any] = []
    await app(database, write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(0.5);"}))(*request(sent))
    bodies = [message["body"] for message in sent[1:]]
    assert b": still running\n\n" in bodies
    assert bodies[-1] == b""


# --------------------------------------------------------------------------- where it lives
async def test_it_lives_below_any_path_of_starlette(database: Database, tmp_path: Path) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    whole = Starlette(routes=[Mount("/admin/migrations", app=app(database, two(tmp_path)))])
    assert (await ask(whole, "/admin/migrations/ready")).status_code == 503
    assert names(await ask(whole, "/admin/migrations/migrate", "POST", DOOR))[-1] == "report"
    assert (await ask(whole, "/admin/migrations/ready")).status_code == 200
    assert (await ask(whole, "/admin/migrations/else")).json()["title"] == "NotFound"


@pytest.mark.parametrize(
    ("root", "path"), [("", "/ready"), ("/api/migrations", "/migrations/ready"), ("/api", "/api/ready")]
)
async def test_it_is_found_whatever_a_framework_or_a_proxy_says_of_the_path_before_it(
    database: Database, tmp_path: Path, root: str, path: str
) -> None:
    transport = httpx.ASGITransport(app(database, two(tmp_path)), root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).json()["state"] == "uninitialised"


async def test_it_speaks_http_alone(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="lifespan"):
        await app(database, tmp_path)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
