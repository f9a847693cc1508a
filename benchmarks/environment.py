"""Where the tools come from: a virtual environment and an npm folder of the benchmark's own, in the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "asyncpg-trek": ("asyncpg-trek",),
    "pogo-migrate": ("pogo-migrate",),
    "yoyo": ("yoyo-migrations", "psycopg[binary]"),
    "alembic": ("alembic", "SQLAlchemy", "psycopg[binary]"),
}
HELPERS = ("matplotlib>=3.9", "psutil>=6")
REPORTED = ("asyncpg", "asyncpg-trek", "pogo-migrate", "yoyo-migrations", "alembic", "SQLAlchemy", "psycopg")
VERSIONS = """
import importlib.metadata as m, sys
for name in sys.argv[1:]:
    try:
        print(name, m.version(name))
    except m.PackageNotFoundError:
        pass
"""


@dataclass(slots=True)
class Environment:
    """The programs. draws: its Python has matplotlib. missing: what could not be had, by the tool's name, and why."""

    python: str
    trek: str
    draws: bool = False
    psql: str | None = field(default_factory=lambda: shutil.which("psql"))
    dbmate: str | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.psql is None:
            self.missing["psql -1"] = "there is no psql on PATH"

    @classmethod
    def here(cls) -> Environment:
        """This Python as it is, with trek and asyncpg and no peers."""
        missing = dict.fromkeys([*PACKAGES, "dbmate"], "not asked for")
        trek = shutil.which("trek", path=str(Path(sys.executable).parent)) or "trek"
        return cls(sys.executable, trek, missing=missing)


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trek-benchmarks"


def prepare() -> Environment:
    """All that can be had, newest releases; trek is installed anew from this folder."""
    home = cache() / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    if not python.exists():
        home.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", "venv", str(home))
    env = Environment(str(python), str(home / "bin" / "trek"), draws=True)
    _must(_pip(python, *HELPERS))
    _must(_pip(python, f"{ROOT}[cli]"))
    _must(_pip(python, "--force-reinstall", "--no-deps", str(ROOT)))
    for tool, packages in PACKAGES.items():
        if problem := _pip(python, *packages):
            env.missing[tool] = problem
    env.dbmate = _dbmate(env)
    return env


def versions(env: Environment) -> list[str]:
    """Name and version of what was measured."""
    found = [f"Python {sys.version.split()[0]}", *_run(env.python, "-c", VERSIONS, *REPORTED).splitlines()]
    found += [_run(program, "--version").strip() for program in (env.psql, env.dbmate) if program]
    return found


def _dbmate(env: Environment) -> str | None:
    """The program itself: the package's own command starts node first."""
    folder = cache() / "npm"
    npm = shutil.which("npm")
    if npm is None:
        env.missing["dbmate"] = "there is no npm on PATH"
        return None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not _binary(folder):
            _run(npm, "install", "--prefix", str(folder), "--no-fund", "--no-audit", "dbmate")
    except subprocess.CalledProcessError as error:
        env.missing["dbmate"] = f"npm: {error.stderr.strip()[-300:]}"
        return None
    if not (found := _binary(folder)):
        env.missing["dbmate"] = "the npm package brings no program for this machine"
    return found


def _binary(folder: Path) -> str | None:
    return next(map(str, folder.glob("node_modules/@dbmate/*/bin/dbmate")), None)


def _pip(python: Path, *what: str) -> str | None:
    """Installs; gives the reason if that failed."""
    options = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
    try:
        _run(str(python), "-m", "pip", "install", *options, *what)
    except subprocess.CalledProcessError as error:
        return f"pip: {error.stderr.strip().splitlines()[-1]}"
    return None


def _must(problem: str | None) -> None:
    if problem:
        sys.exit(f"the benchmark's own environment cannot be made: {problem}")


def _run(*command: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean, cwd="/").stdout
