"""As root: binaries that the unprivileged account can run.

A virtual environment below a 0700 home is out of its reach. Its server is then copied once to a folder of root's that
all may read, and the home stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from trek_asyncpg.embedded._errors import refused

if TYPE_CHECKING:
    from trek_asyncpg.embedded._account import Account

CACHES = (Path("/var/cache"), Path("/var/tmp"))  # noqa: S108 - checked below; the first is not cleaned by age
NAME = "trek-postgresql"


def reachable(bindir: Path, account: Account) -> Path:
    """`bindir`, or a copy of it where the account can run it. Raises ConfigError when even that does not run."""
    if _runs(bindir, account):
        return bindir
    if account.uid is None:
        return _refuse(bindir, account)
    copied = _copy(bindir)
    return copied if _runs(copied, account) else _refuse(copied, account)


def _runs(bindir: Path, account: Account) -> bool:
    return all(account.works([str(bindir / name), "--version"]) for name in ("postgres", "initdb"))


def _refuse(bindir: Path, account: Account) -> Path:
    command = [str(bindir / "initdb"), "--version"]
    try:
        said = account.run(command).stderr.strip()
    except OSError as error:
        said = str(error)
    problem = f"{' '.join(command)} does not run: {said}"
    raise refused(problem, "Install what it lacks, or set TREK_PG_BIN to another PostgreSQL.")


def _copy(bindir: Path) -> Path:
    package = bindir.parents[1] if bindir.parent.name == "pginstall" else bindir.parent
    key = hashlib.sha256(bindir.joinpath("postgres").read_bytes()).hexdigest()[:16]
    folder = _cache() / key  # one for a build, however many environments hold it
    if not folder.exists():
        _fill(folder, package)
    return folder / package.name / bindir.relative_to(package)


def _cache() -> Path:
    cache = next((place for place in CACHES if place.is_dir() and os.access(place, os.W_OK)), CACHES[-1]) / NAME
    cache.mkdir(mode=0o755, exist_ok=True)
    found = cache.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        problem = f"{cache} is not a folder that only root can write to: somebody else could put programs there"
        raise refused(problem, "Remove it, or set TREK_PG_BIN to a PostgreSQL that every account can run.")
    cache.chmod(0o755)  # whatever the umask was
    return cache


def _fill(folder: Path, package: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for source in (package, package.with_name(f"{package.name}.libs")):  # a wheel's libraries lie beside it
            if source.exists():
                _copy_tree(source, unfinished / source.name)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "include", "*.a"))
    for place, _, files in os.walk(target):
        Path(place).chmod(0o755)
        for path in (Path(place, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
