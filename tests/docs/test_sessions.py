"""The pages of docs/how-to are typed as they stand, and say what they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.docs.pages import ROOT, read
from tests.docs.sessions import SESSIONS, Shell, environment, perform, steps
from trek_asyncpg.embedded._binaries import find_binaries
from trek_core import ConfigError

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

PAGES = [page for page in SESSIONS if page != "docs/tutorial.md" and [*steps(read(page))]]
PROGRAMS = ("bash", "psql", "pg_dump")


@pytest.fixture
def path(pg_bindir: Path | None, connection: Connection) -> str:
    """Where the programs of the server's own version are first, if they are anywhere. Skips where one is missing."""
    folders = [Path(sys.executable).parent, *_programs_of(pg_bindir), os.environ["PATH"]]
    path = os.pathsep.join(map(str, folders))
    if missing := [name for name in PROGRAMS if shutil.which(name, path=path) is None]:
        pytest.skip(f"no {missing} on the path")
    said = subprocess.run(
        ["pg_dump", "--version"], capture_output=True, text=True, check=True, env={"PATH": path}
    ).stdout
    if int(re.findall(r"\d+", said)[0]) < connection.get_server_version().major:
        pytest.skip(f"{said.strip()} is older than the server")
    return path


def _programs_of(bindir: Path | None) -> list[Path]:
    try:
        found = bindir or find_binaries()
    except ConfigError:
        return []
    return [found] if (found / "pg_dump").exists() and (found / "psql").exists() else []


def _short(dsn: str) -> tuple[str, dict[str, str]]:
    """The DSN as a reader's is, without a query; what stood there as the variables that every client reads."""
    parts = urlsplit(dsn)
    return parts._replace(query="").geturl(), {f"PG{key.upper()}": value for key, value in parse_qsl(parts.query)}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_typed_as_it_stands_and_says_what_it_shows(
    page: str, database: Database, path: str, tmp_path: Path
) -> None:
    dsn, variables = _short(database.dsn)
    environ = environment(**variables, DATABASE_URL=dsn, PATH=path, PYTHONPATH=str(ROOT))
    with Shell(tmp_path, environ, {database.name: "shop"}) as shell:
        perform(ROOT / page, shell, write=bool(os.environ.get("TREK_WRITE_SESSIONS")))
