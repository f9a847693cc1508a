"""What `trek new-plugin` writes, as it is written: installed in a fresh environment, tested there, used by a real run."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT
from tests.plugins.environment import PIP, Environment, installed_environment
from trek_core.cli._new_plugin import KINDS

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.support.databases import Connection, Database, Roles, Server

UP = "CREATE TABLE users (id int);\n"
OFFERS = {
    "loader": "loader my-loader (.my-loader)",
    "layout": "layout my-layout",
    "version-store": "store my-version-store",
    "executor": "executor my-executor (my-executor)",
    "observer": "observer my-observer",
}
LACKS = {"layout": {"smells", "new", "route"}, "version-store": {"shape"}}
FEWEST = {"loader": 12, "layout": 12, "version-store": 20, "executor": 30, "observer": 3}


@dataclass(frozen=True)
class Author:
    """Somebody who had five plugins written in `folder`, and installed them."""

    environment: Environment
    folder: Path

    def project(self, kind: str) -> Path:
        return self.folder / f"trek-my-{kind}"

    def block(self, kind: str, language: str) -> str:
        """The block of that language in the part of its README that says how to use it."""
        use = (self.project(kind) / "README.md").read_text().split("## ")[2]
        return re.findall(rf"```{language}\n(.*?)```", use, re.DOTALL)[0]


@dataclass(frozen=True)
class Shop:
    """Somebody else's project, in the same environment."""

    author: Author
    folder: Path
    database: Database

    def has(self, path: str, content: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def migrate(self, dsn: str = "", *, ok: bool = True) -> CompletedProcess[str]:
        words = [self.author.environment.trek, "migrate", "--dsn", dsn or self.database.dsn]
        return self.author.environment.run(*words, cwd=self.folder, ok=ok)


@pytest.fixture(scope="module")
def author(trek_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Author:
    folder = tmp_path_factory.mktemp("author")
    environment = installed_environment(folder / "environment", trek_wheel)
    for kind in KINDS:
        environment.run(environment.trek, "new-plugin", kind, f"my-{kind}", cwd=folder)
    made = Author(environment, folder)
    projects = [made.project(kind) for kind in KINDS]
    words = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "dist", *projects]
    subprocess.run(words, check=True, timeout=300)
    environment.install(*(folder / "dist").glob("*.whl"))
    return made


@pytest.fixture
def shop(author: Author, tmp_path: Path, database: Database) -> Shop:
    return Shop(author, tmp_path, database)


def test_every_plugin_is_listed_with_what_it_offers(author: Author) -> None:
    listed = author.environment.plugins(cwd=author.folder)
    for kind in KINDS:
        found = listed[f"my-{kind}"]
        assert (found["distribution"], found["version"]) == (f"trek-my-{kind}", "0.1.0")
        assert (found["state"], found["offers"], found["error"]) == ("works", [OFFERS[kind]], "")


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_are_green_as_written(author: Author, server: Server, kind: str) -> None:
    words = ["-m", "pytest", "-rs", "-p", "no:cacheprovider", "-W", "error"]
    done = author.environment.run(
        author.environment.python, *words, cwd=author.project(kind), TREK_TEST_DSN=server.base
    )
    passed = int(re.findall(r"(\d+) passed", done.stdout)[0])
    assert passed >= FEWEST[kind], done.stdout
    assert set(re.findall(r"SKIPPED .*: without ([\w ]+): \S", done.stdout)) == LACKS.get(kind, set())
    assert done.stdout.count("SKIPPED") == done.stdout.count(": without "), done.stdout


# --------------------------------------------------------------------------- as its README says
async def test_the_loader_is_used_by_a_run(shop: Shop, connection: Connection) -> None:
    shop.has("migrations/0001_users.my-loader", shop.author.block("loader", "sql"))
    assert shop.migrate().stdout.startswith("applied 0001 users")
    assert await connection.fetchval("SELECT count(*) FROM public.users") == 0


async def test_the_layout_is_used_by_a_run(shop: Shop, connection: Connection) -> None:
    shop.has("trek.toml", shop.author.block("layout", "toml"))
    shop.has("migrations/001-users/up.sql", UP)
    shop.has("migrations/002-email/up.sql", "ALTER TABLE users ADD email text;\n")
    assert [line.split()[1] for line in shop.migrate().stdout.splitlines()[:2]] == ["001", "002"]
    assert await connection.fetchval("SELECT count(email) FROM users") == 0


async def test_the_version_store_is_used_by_a_run(shop: Shop, connection: Connection) -> None:
    shop.has("trek.toml", shop.author.block("version-store", "toml").replace("public", "records"))
    shop.has("migrations/0001_users.sql", UP)
    shop.migrate()
    rows = await connection.fetch("SELECT step, revision, title, state FROM records.trek_my_version_store_steps")
    assert [tuple(row) for row in rows] == [(1, "0001", "users", "done")]
    assert await connection.fetchval("SELECT to_regclass('public.trek_history')") is None
    assert shop.migrate().stdout == "up to date at 0001\n"


async def test_the_executor_is_used_by_a_run(shop: Shop, connection: Connection, make_role: Roles) -> None:
    role = await make_role("NOLOGIN")
    await connection.execute(f'GRANT CREATE ON SCHEMA public TO "{role}"')
    dsn, settings = shop.author.block("executor", "toml").splitlines()
    shop.has("trek.toml", settings.replace("owner_of_the_tables", role))
    shop.has("migrations/0001_users.sql", UP)
    scheme = re.findall(r'"(my-executor:)', dsn)[0]
    shop.migrate(f"{scheme}{shop.database.dsn}")
    assert await connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'users'") == role


async def test_the_executor_says_where_it_cannot_connect_without_a_password(shop: Shop) -> None:
    shop.has("migrations/0001_users.sql", UP)
    done = shop.migrate("my-executor:postgresql://me:tell-nobody@localhost:1/shop", ok=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cannot connect to postgresql://me:***@localhost:1/shop: ")
    assert "tell-nobody" not in done.stdout + done.stderr


async def test_the_observer_hears_a_run(shop: Shop) -> None:
    shop.has("migrations/0001_users.sql", "SELECT 1 / 0;\n")
    done = shop.migrate(ok=False)
    assert done.returncode == 1
    assert "apply 0001 users: division by zero\n" in done.stderr


# --------------------------------------------------------------------------- the templates
def test_the_source_distribution_has_the_templates_too(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        packed = {name.partition("/")[2] for name in opened.getnames()}
    templates = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("trek_core/cli/templates/**/*.tmpl")}
    assert len(templates) == 2 + 3 * len(KINDS)
    assert templates <= packed
