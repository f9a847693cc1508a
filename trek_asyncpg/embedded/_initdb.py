"""The cluster's own folder: made, checked, and named so that the server can open it."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trek_asyncpg.embedded._binaries import installed, major
from trek_asyncpg.embedded._errors import refused, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trek_asyncpg.embedded._account import Account


@contextmanager
def address(data: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What to call the folder for `account`, and the file descriptors that its programs have to inherit.

    PostgreSQL need not be able to walk to its folder: on Linux the path of an inherited descriptor leads there, past
    parents that the account cannot enter (a project below a 0700 home). Raises ConfigError elsewhere.
    """
    if account.reaches(data):
        yield str(data), ()
        return
    if sys.platform != "linux":
        problem = f"the account of the server (uid {account.uid}) cannot enter {data}: a folder above is closed to it"
        raise refused(problem, "Name a folder that every account can reach, for example below /var/lib.")
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield f"/proc/self/fd/{folder}", (folder,)
    finally:
        os.close(folder)


def check_major(data: Path, bindir: Path) -> None:
    """Raises ConfigError when another major version has made the cluster."""
    found = data.joinpath("PG_VERSION").read_text().strip()
    ours = str(major(bindir))
    if found == ours:
        return
    problem = f"{data} was made by PostgreSQL {found}, which the server in {bindir} (PostgreSQL {ours}) cannot open"
    raise refused(problem, _way_out(found, data))


def _way_out(version: str, data: Path) -> str:
    for bindir in installed():
        if str(major(bindir)) == version:
            return f"PostgreSQL {version} is installed here: set TREK_PG_BIN={bindir}, or remove {data} to start anew."
    return f"Set TREK_PG_BIN to the bin folder of a PostgreSQL {version}, or remove {data} to start anew."


def initialise(data: Path, bindir: Path, account: Account, *, durable: bool) -> None:
    """Make a new cluster: superuser `postgres`, UTF-8, trust on its own socket. All of it is there, or none of it."""
    unfinished = data.with_name("data.new")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    unfinished.mkdir(mode=0o700)
    account.take(unfinished)
    options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", *([] if durable else ["--no-sync"])]
    with address(unfinished, account) as (path, descriptors):
        command = [str(bindir / "initdb"), "-D", path, *options]
        done = account.run([*command, "--locale=C.UTF-8"], descriptors)
        if done.returncode and "locale" in done.stderr:  # not every system has it
            done = account.run([*command, "--locale=C"], descriptors)
    if done.returncode:
        problem = f"initdb could not make a cluster in {unfinished}: {(done.stderr or done.stdout).strip()}"
        raise unavailable(problem, "Mend what it names, or name another folder.")
    unfinished.rename(data)
