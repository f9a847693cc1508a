"""Migrations of an installed package, of a zip, and of several folders, run on a database."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.run.folders import history, tables, write
from trek_asyncpg import migrate, status
from trek_core import ConfigError, MigrationFailed

if TYPE_CHECKING:
    from tests.run.folders import Connection
    from tests.support.databases import Database

ROOT = Path(__file__).parents[2]
NAME = "trek_sample_auth"
PLACE = f"package:{NAME}.migrations"
READS = """\
from pathlib import Path

async def upgrade(connection):
    names = Path(__file__).with_name("names.txt").read_text().split()
    await connection.executemany("INSERT INTO auth_users VALUES ($1)", [(name,) for name in names])
"""
FAILS = """\
async def upgrade(connection):
    await connection.execute("SELECT 1")
    raise RuntimeError("it is full")
"""
AUTH = {
    "auth.0001_users.sql": "CREATE TABLE auth_users (name text);",
    "auth.0002_names.py": READS,
    "names.txt": "ada grace",
}
SHOP = {
    "0001_goods.sql": "CREATE TABLE goods (id int);",
    "0002_orders.sql": "-- trek: requires 0001 auth.0001\nCREATE TABLE orders AS SELECT name FROM auth_users;",
}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a library's migrations, on sys.path."""
    (tmp_path / NAME).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path / NAME / "migrations", AUTH)
    return tmp_path / NAME / "migrations"


def zipped(folder: Path, to: Path) -> Path:
    with ZipFile(to, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder.parent))
    return to


def failed_at(error: MigrationFailed) -> list[traceback.FrameSummary]:
    assert error.__cause__ is not None
    return [frame for frame in traceback.extract_tb(error.__cause__.__traceback__) if "full" in (frame.line or "")]


async def test_an_application_and_its_library_are_one_catalogue(
    connection: Connection, library: Path, tmp_path: Path
) -> None:
    places = [write(tmp_path / "shop", SHOP), PLACE]
    ran = (await migrate(connection, places)).ran
    assert [one.revision for one in ran] == ["0001", "auth.0001", "0002", "auth.0002"]
    assert await connection.fetch("SELECT name FROM auth_users ORDER BY 1") == [("ada",), ("grace",)]
    write(tmp_path / "shop", {"0003_more.sql": "SELECT 3;"})
    await migrate(connection, places)
    write(library, {"auth.0003_later.sql": "CREATE TABLE later ();"})
    assert [one.revision for one in (await migrate(connection, places)).ran] == ["auth.0003"]
    assert not await migrate(connection, places)
    assert (await status(connection, places)).state == "current"
    assert {verb for _, verb, _ in await history(connection)} == {"apply"}


async def test_a_library_that_lies_in_a_zip_is_the_same_to_the_history(
    connection: Connection, library: Path, tmp_path: Path
) -> None:
    await migrate(connection, PLACE)
    archive = zipped(library, tmp_path / "auth.zip")
    assert not await migrate(connection, f"{archive}/migrations")
    assert not await migrate(connection, library)


async def test_a_python_migration_fails_with_its_place_and_its_line_wherever_it_lies(
    connection: Connection, library: Path, tmp_path: Path
) -> None:
    write(library, {"auth.0003_full.py": FAILS})
    archive = f"{zipped(library, tmp_path / 'auth.zip')}/migrations"
    (library / "names.txt").unlink()
    with pytest.raises(MigrationFailed, match=f"^{PLACE}/auth.0002_names.py:4: ") as failed:
        await migrate(connection, PLACE)
    assert isinstance(failed.value.__cause__, FileNotFoundError)
    assert failed.value.__cause__.filename == str(library / "names.txt")
    write(library, AUTH)
    for place in (PLACE, archive):
        if place is archive:
            await migrate(connection, PLACE, "auth.0002")
        with pytest.raises(MigrationFailed, match=f"^{place}/auth.0003_full.py:3: ") as failed:
            await migrate(connection, place)
        (frame,) = failed_at(failed.value)
        assert (frame.filename, frame.lineno) == (f"{place}/auth.0003_full.py", 3)
        assert frame.line == 'raise RuntimeError("it is full")'


async def test_a_statement_that_fails_is_shown_with_the_place_of_its_file(
    connection: Connection, library: Path
) -> None:
    write(library, {"auth.0003_wrong.sql": "SELECT 1;\n\nSELECT wrong;"})
    with pytest.raises(MigrationFailed, match=rf"^{PLACE}/auth\.0003_wrong\.sql:3:8: "):
        await migrate(connection, PLACE)


@pytest.mark.parametrize("files", [{}, {"__init__.py": ""}])
async def test_a_package_without_migrations_is_refused_also_beside_a_folder_that_has_some(
    connection: Connection, library: Path, tmp_path: Path, files: dict[str, str]
) -> None:
    """As where they were left out of the wheel."""
    for path in library.iterdir():
        path.unlink()
    write(library, files)
    with pytest.raises(ConfigError) as error:
        await migrate(connection, [write(tmp_path / "shop", {"0001_a.sql": "SELECT 1;"}), PLACE])
    assert str(error.value).startswith(f"there is no migration in '{PLACE}'.")
    assert "Are they in its wheel?" in str(error.value)
    assert await history(connection) == []


# --------------------------------------------------------------------------- a wheel
PROJECT = f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{NAME}"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["{NAME}"]
"""
MIGRATES = f"""\
import asyncio, sys
from trek_asyncpg import migrate
print(*(one.revision for one in asyncio.run(migrate(sys.argv[1], "{PLACE}")).ran))
print("{NAME}" in sys.modules)
"""


def run(*command: object, **options: object) -> str:
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


async def test_migrations_of_a_wheel_are_found_where_it_is_installed(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    write(tmp_path / "project", {"pyproject.toml": PROJECT})
    write(project / NAME, {"__init__.py": "raise RuntimeError('it is not to be imported')"})
    write(project / NAME / "migrations", AUTH)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    run(*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", tmp_path, project)
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    (wheel,) = tmp_path.glob("*.whl")
    run(*pip, "--python", python, "install", "--no-index", "--no-deps", wheel)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))}
    ran = run(python, "-c", MIGRATES, database.dsn, cwd=tmp_path, env=environ)
    assert ran.split() == ["auth.0001", "auth.0002", "False"]
    assert await tables(connection) >= {"auth_users"}


async def test_every_folder_without_a_migration_is_named(connection: Connection, tmp_path: Path) -> None:
    full, *empty = (tmp_path / name for name in ("full", "m1", "m2"))
    for folder in (full, *empty):
        folder.mkdir()
    (full / "1_a.sql").write_text("SELECT 1;")
    (empty[1] / "README.md").write_text("Nothing yet.")
    with pytest.raises(ConfigError) as refused:
        await migrate(connection, [str(full), *map(str, empty)])
    first, second, why, last = str(refused.value).split("\n")
    assert (first, second) == tuple(f"there is no migration in {str(folder)!r}." for folder in empty)
    assert why.startswith("  ignored ")
    assert "README.md" in why
    assert last.startswith("Is it the right folder? `trek new")
