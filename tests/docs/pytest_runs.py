"""How the Python blocks of docs/pytest.md run: as tests of a project whose top conftest.py is the first of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.docs.pages import block

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.docs.conftest import Reader

PAGE = "docs/pytest.md"
FILES = {
    "0001_users.sql": "CREATE TABLE users (email text NOT NULL);\n-- trek: down\nDROP TABLE users;",
    "0002_names.sql": (
        "ALTER TABLE users ADD name text;\nUPDATE users SET name = split_part(email, '@', 1);\n"
        "-- trek: down\nALTER TABLE users DROP name;"
    ),
}
SCHEMA = "CREATE TABLE users (email text NOT NULL, name text);"
PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p asyncio -o asyncio_mode=auto"}


def passes(number: int) -> Callable[[str, Reader, Any], Awaitable[None]]:
    """The block is a file of that many tests, and all of them pass."""

    async def run(text: str, reader: Reader, _: object) -> None:
        reader.has(FILES)
        (reader.folder / "schema.sql").write_text(SCHEMA)
        (reader.folder / "conftest.py").write_text(block("python", PAGE, 1))
        (reader.folder / "test_page.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q"],
            cwd=reader.folder,
            env={**os.environ, **PLUGINS, "TREK_TEST_DSN": reader.database.dsn, "TREK_TEST_PROVIDER": "dsn"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"{number} passed" in done.stdout, done.stdout + done.stderr

    return run


async def one_line(text: str, *_: object) -> None:
    assert text == 'pytest_plugins = ["trek_asyncpg.pytest_plugin"]\n'


PYTEST_RUNS = {
    (PAGE, number): run
    for number, run in enumerate((one_line, passes(3), passes(1), passes(1), passes(3), passes(1)), start=1)
}
