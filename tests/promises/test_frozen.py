"""Frozen applications and source trees: packages on sys.path, and no metadata by which plugins could be found."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from tests.support.databases import Database

OURS = ("trek_core", "trek_loaders", "trek_asyncpg")
FOREIGN = ("asyncpg", "pluggy")
CODE = """
import asyncio, sys
from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator, TrekError
{imports}

async def run():
    backend = AsyncpgBackend(sys.argv[1], plugins=[{plugins}])
    return await Migrator(backend, sys.argv[2]).migrate()

try:
    print(len(asyncio.run(run()).ran), "done")
except TrekError as error:
    print(error)
"""
IMPORTS = "import trek_asyncpg.plugin, trek_loaders.native, trek_loaders.python, trek_loaders.sql"
PLUGINS = "trek_loaders.sql, trek_loaders.python, trek_loaders.native, trek_asyncpg.plugin"
ADVICE = f"""\
No plugin is installed, those of trek neither: no distribution here has an entry point of the group "trek". That is so in
frozen applications and in source trees that were never installed. Give the plugins by hand:
    {IMPORTS}
    plugins=[{PLUGINS}]"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages alone, as a frozen application has them."""
    bare = tmp_path_factory.mktemp("packages")
    for name in OURS:
        shutil.copytree(ROOT / name, bare / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FOREIGN:
        found = importlib.util.find_spec(name)
        assert found
        assert found.origin
        (bare / name).symlink_to(Path(found.origin).parent)
    return bare


def run(packages: Path, code: str, *words: str) -> str:
    """In a Python without site-packages."""
    begin = f"import sys; sys.path.insert(0, {str(packages)!r})\n"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", begin + code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    return ended.stdout.rstrip("\n")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "1_users.sql").write_text("CREATE TABLE users (id int);")
    (tmp_path / "2_names.py").write_text("async def upgrade(connection): await connection.execute('SELECT 1')\n")
    return str(tmp_path)


async def test_without_metadata_the_message_shows_how_to_give_the_plugins(
    packages: Path, folder: str, database: Database
) -> None:
    said = run(packages, CODE.format(imports="", plugins=""), database.dsn, folder)
    assert said == f"no store 'native' is on offer. On offer: nothing.\n{ADVICE}"


async def test_what_is_still_missing_is_named_with_the_same_advice(
    packages: Path, folder: str, database: Database
) -> None:
    code = CODE.format(imports="import trek_asyncpg.plugin", plugins="trek_asyncpg.plugin")
    said = run(packages, code, database.dsn, folder)
    assert said == f"no layout 'native' is on offer. On offer: nothing.\n{ADVICE}"


async def test_with_the_plugins_of_the_message_it_runs(packages: Path, folder: str, database: Database) -> None:
    assert run(packages, CODE.format(imports=IMPORTS, plugins=PLUGINS), database.dsn, folder) == "2 done"


def test_a_host_that_was_told_to_look_for_none_says_nothing_of_installing(packages: Path) -> None:
    code = (
        "from trek_core.plugin import PluginHost\n"
        "try: PluginHost(entry_points=False).store('native')\n"
        "except Exception as error: print(error)"
    )
    assert run(packages, code).endswith(
        "Correct the name, or install the plugin that offers it: `trek plugins` lists what is there."
    )
