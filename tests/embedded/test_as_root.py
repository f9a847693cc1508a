"""As root: another account runs the server, and nothing around it changes."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from tests.embedded.processes import ask, family, gone, server_of
from trek_asyncpg.embedded import EmbeddedServer, _account, _binaries, _copy, _folder
from trek_core.errors import ConfigError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="tells what happens as root")


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


async def test_as_root_the_account_can_be_chosen_and_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREK_PG_OS_USER", "nobody")
    with EmbeddedServer() as server:
        postmaster = server_of(server.dsn())
        assert postmaster.uids().real == pwd.getpwnam("nobody").pw_uid
    for name, problem in (("root", "refuses to run as root"), ("nobody-of-that-name", "no such account")):
        monkeypatch.setenv("TREK_PG_OS_USER", name)
        with pytest.raises(ConfigError, match=f"TREK_PG_OS_USER is '{name}': .*{problem}"):
            EmbeddedServer().start()


async def test_as_root_a_folder_opens_under_the_account_that_owns_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREK_PG_OS_USER", "nobody")
    with EmbeddedServer(folder):
        pass
    monkeypatch.delenv("TREK_PG_OS_USER")
    with EmbeddedServer(folder) as server:
        assert await ask(server.dsn(), "SELECT 1") == 1


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


def test_as_root_where_nobody_can_run_it_the_message_lists_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_account, "_unprivileged", lambda: None)
    monkeypatch.setattr(_account, "_mapped", lambda: None)
    with pytest.raises(ConfigError, match=r"tried \$TREK_PG_OS_USER, `postgres`, `nobody`, and `unshare"):
        EmbeddedServer().start()


def test_a_folder_of_another_account_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer(folder):
        pass
    owner_uid = (folder / "data").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(ConfigError, match=f"belongs to uid {owner_uid}, and this is uid 4711"):
        EmbeddedServer(folder).start()


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
