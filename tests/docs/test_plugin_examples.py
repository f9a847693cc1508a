"""The examples of the plugin pages hold up when they are used in earnest: installed, in a race, up and down."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.installed import installed
from tests.docs.pages import block, blocks, module
from tests.docs.plugin_pages import FOLDERS, LOG, SECRET, SQLX, STATEMENTS, STORE
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import ConfigError, Duplicate, LoadError, MigrationFailed, Migrator, Unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.docs.conftest import Reader
    from tests.support.databases import Roles

FILES = {
    "0001_a.sql": "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;\n",
    "0002_b.sql": "CREATE INDEX CONCURRENTLY b ON a (id);\n-- trek: down\nDROP INDEX CONCURRENTLY b;\n",
    "0003_c.py": (
        "async def upgrade(connection):\n    await connection.execute('CREATE TABLE c (id int)')\n"
        "async def downgrade(connection):\n    await connection.execute('DROP TABLE c')\n"
    ),
}
STEPS = "step || ' ' || verb || ' ' || revision || ' ' || state"


@pytest.fixture
def shop_store() -> Iterator[ModuleType]:
    yield module("shop_store", STORE.text)
    del sys.modules["shop_store"]


def migrator(reader: Reader, plugin: object, connection: Any = None) -> Migrator:
    return Migrator(AsyncpgBackend(connection or reader.connection, store="shop", plugins=[plugin]))


# --------------------------------------------------------------------------- the version store
async def test_the_store_records_up_and_down_in_order(reader: Reader, shop_store: ModuleType) -> None:
    reader.has(FILES)
    trek = migrator(reader, shop_store)
    await trek.migrate()
    await trek.migrate("0001")
    await trek.migrate("base")
    await trek.migrate("0002")
    wanted = ["apply 0001", "apply 0002", "apply 0003", "revert 0003", "revert 0002", "revert 0001"]
    wanted += ["apply 0001", "apply 0002"]
    assert await reader.history("shop_steps", STEPS) == [f"{at} {what} done" for at, what in enumerate(wanted, 1)]
    assert [found.revision for found in (await trek.status()).applied] == ["0001", "0002"]


async def test_the_guard_of_the_store_lets_one_of_eight_runners_win_each_step_without_any_lock(
    reader: Reader, shop_store: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_store.ShopStore, "locks", lambda self, history: [])
    reader.has({name: text for name, text in FILES.items() if name != "0002_b.sql"})

    async def run() -> list[str]:
        connection = await reader.database.connect()
        return [ran.revision for ran in (await migrator(reader, shop_store, connection).migrate()).ran]

    ran = await asyncio.gather(*(run() for _ in range(8)))
    assert sorted(revision for one in ran for revision in one) == ["0001", "0003"]
    assert await reader.history("shop_steps", STEPS) == ["1 apply 0001 done", "2 apply 0003 done"]


async def test_the_lock_of_the_store_lets_eight_runners_share_the_work(reader: Reader, shop_store: ModuleType) -> None:
    reader.has(FILES)

    async def run() -> list[str]:
        connection = await reader.database.connect()
        return [ran.revision for ran in (await migrator(reader, shop_store, connection).migrate()).ran]

    ran = await asyncio.gather(*(run() for _ in range(8)))
    assert sorted(revision for one in ran for revision in one) == ["0001", "0002", "0003"]


async def test_a_failing_migration_leaves_no_row_of_the_store_and_an_edited_one_is_seen(
    reader: Reader, shop_store: ModuleType
) -> None:
    reader.has({**FILES, "0004_d.sql": "SELECT no_such_thing;\n"})
    trek = migrator(reader, shop_store)
    with pytest.raises(MigrationFailed):
        await trek.migrate()
    assert await reader.history("shop_steps") == ["0001", "0002", "0003"]
    reader.has({"0001_a.sql": "CREATE TABLE a (id bigint);\n"})
    assert (await trek.status()).state == "changed"


async def test_what_fails_outside_a_transaction_is_unfinished_until_somebody_looks(
    reader: Reader, shop_store: ModuleType
) -> None:
    reader.has({**FILES, "0002_b.sql": "CREATE INDEX CONCURRENTLY b ON a (no_such_column);\n"})
    trek = migrator(reader, shop_store)
    with pytest.raises(MigrationFailed):
        await trek.migrate()
    assert await reader.history("shop_steps", STEPS) == ["1 apply 0001 done", "2 apply 0002 started"]
    with pytest.raises(Unfinished):
        await trek.migrate()
    reader.has({"0002_b.sql": FILES["0002_b.sql"]})
    await trek.repair("0002", applied=False)
    await trek.migrate()
    assert [found.revision for found in (await trek.status()).applied] == ["0001", "0002", "0003"]


async def test_reverting_a_squash_takes_its_originals_along(reader: Reader, shop_store: ModuleType) -> None:
    reader.has(FILES)
    trek = migrator(reader, shop_store)
    await trek.migrate()
    for name in FILES:
        (reader.folder / "migrations" / name).unlink()
    text = "CREATE TABLE a (id int); CREATE TABLE c (id int);\n-- trek: down\nDROP TABLE a, c;\n"
    reader.has({"0004_all.sql": f"-- trek: replaces 0001 0002 0003\n{text}"})
    assert not await trek.migrate()
    await trek.migrate("base")
    assert await reader.connection.fetchval("SELECT to_regclass('a')") is None
    assert (await trek.status()).applied == ()
    await trek.migrate()
    assert await reader.connection.fetchval("SELECT to_regclass('a')") is not None


async def test_the_store_leaves_a_table_of_another_shape_alone(reader: Reader, shop_store: ModuleType) -> None:
    reader.has(FILES)
    await reader.connection.execute("CREATE TABLE shop_steps (step int, mine text); INSERT INTO shop_steps VALUES (1)")
    with pytest.raises(ConfigError, match="another shape"):
        await migrator(reader, shop_store).migrate()


async def test_in_an_empty_table_of_another_shape_the_store_writes_nothing_and_nothing_runs(
    reader: Reader, shop_store: ModuleType
) -> None:
    reader.has(FILES)
    await reader.connection.execute("CREATE TABLE shop_steps (mine text)")
    with pytest.raises(MigrationFailed, match="INSERT has more expressions"):
        await migrator(reader, shop_store).migrate()
    assert await reader.connection.fetchval("SELECT to_regclass('a')") is None


async def test_the_stores_setting_moves_its_table(reader: Reader, shop_store: ModuleType) -> None:
    reader.has(FILES)
    name = 'a"; drop table x; --'
    quoted = name.replace('"', '""')
    await reader.connection.execute(f'CREATE SCHEMA "{quoted}"')
    options: dict[str, Any] = {"store": "shop", "store_settings": {"schema": name}, "plugins": [shop_store]}
    assert len((await migrate(reader.connection, "migrations", **options)).ran) == 3
    assert len(await reader.history(f'"{quoted}".shop_steps')) == 3
    with pytest.raises(ConfigError, match="Did you mean 'schema'"):
        await migrate(
            reader.connection, "migrations", store="shop", store_settings={"shema": "a"}, plugins=[shop_store]
        )


async def test_a_row_that_is_gone_at_the_end_makes_the_second_example_of_a_store_fail(
    reader: Reader, shop_store: ModuleType
) -> None:
    plugin = module("shop_statements", block("python", *STATEMENTS))
    gone = "CREATE INDEX CONCURRENTLY b ON a (id);\nDELETE FROM shop_steps WHERE step = 2;\n"
    reader.has({"0001_a.sql": "CREATE TABLE a (id int);\n", "0002_b.sql": f"-- trek: no-transaction\n{gone}"})
    with pytest.raises(MigrationFailed, match="step 2 is gone; rows: 0"):
        await migrate(reader.connection, "migrations", store="shop-statements", plugins=[plugin])


# --------------------------------------------------------------------------- installed
def trek(reader: Reader, *words: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TREK_", "DATABASE_URL"))}
    named = {"PYTHONPATH": str(reader.folder / "site"), "TREK_DSN": reader.database.dsn, **environ}
    command = [str(Path(sys.executable).with_name("trek")), *words]
    done = subprocess.run(
        command, env={**kept, **named}, cwd=reader.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


async def test_installed_by_their_entry_points_the_examples_serve_the_command(reader: Reader) -> None:
    installed(reader.folder / "site")
    (settings,) = [found.text for found in blocks("toml", "docs/plugins/settings.md")]
    (reader.folder / "pyproject.toml").write_text(settings)
    (reader.folder / "secret").write_text(reader.database.dsn)
    await reader.connection.execute("CREATE SCHEMA app")
    reader.has({**FILES, "0004_grants.sqlx": "COMMENT ON TABLE a IS '{{owner}}';\n"})
    listed = {info["name"]: info for info in json.loads(trek(reader, "plugins", "--json").stdout)["plugins"]}
    assert listed["sqlx"]["offers"] == ["loader sqlx (.sqlx)"]
    assert listed["shop-log"]["offers"] == ["observer shop-log"]
    assert listed["shop"]["offers"] == ["store shop"]
    assert listed["shop-folders"]["offers"] == ["layout folders"]
    assert listed["secret"]["offers"] == ["executor secret (secret)"]
    assert (listed["shop"]["distribution"], listed["shop"]["version"]) == ("shop-store", "1.2")
    trek(reader, "migrate", "--dsn", "secret:secret")
    assert await reader.history("app.shop_steps") == ["0001", "0002", "0003", "0004"]
    assert await reader.connection.fetchval("SELECT obj_description('a'::regclass)") == "shop_owner"


async def test_the_executors_role_owns_what_migrations_make(reader: Reader, make_role: Roles) -> None:
    role = await make_role()
    await reader.connection.execute(f'GRANT CREATE ON SCHEMA public TO "{role}"')
    installed(reader.folder / "site", (SECRET,))
    (reader.folder / "trek.toml").write_text(f'[executor-settings]\nrole = "{role}"\n')
    (reader.folder / "secret").write_text(reader.database.dsn)
    reader.has({"0001_a.sql": "CREATE TABLE a (id int);\n"})
    trek(reader, "migrate", "--dsn", "secret:secret")
    assert await reader.connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'a'") == role


async def test_a_blocked_plugin_is_left_out_by_option_by_environment_and_by_configuration(reader: Reader) -> None:
    installed(reader.folder / "site", (SQLX, LOG))
    reader.has({"0001_a.sqlx": "SELECT 1;\n"})
    refused = "0001_a.sqlx: no loader takes '.sqlx'"
    assert refused in trek(reader, "plan", "--no-plugin", "sqlx", code=2).stderr
    assert refused in trek(reader, "plan", code=2, TREK_DISABLE_PLUGINS="shop-log,sqlx").stderr
    (reader.folder / "trek.toml").write_text('disable-plugins = ["sqlx"]\n')
    assert refused in trek(reader, "plan", code=2).stderr


# --------------------------------------------------------------------------- the layout
@pytest.fixture
def folders() -> Iterator[ModuleType]:
    yield module("shop_folders", FOLDERS.text)
    del sys.modules["shop_folders"]


def of_folders(reader: Reader, plugin: object) -> Migrator:
    return Migrator(AsyncpgBackend(reader.connection, layout="folders", plugins=[plugin]))


async def test_the_layout_goes_up_and_down(reader: Reader, folders: ModuleType) -> None:
    reader.has(
        {"001-users/up.sql": "CREATE TABLE users (id int);", "001-users/down.sql": "DROP TABLE users;", "x.md": ""}
    )
    trek = of_folders(reader, folders)
    assert [ran.revision for ran in (await trek.migrate()).ran] == ["001"]
    assert [(ran.verb, ran.title) for ran in (await trek.migrate("base")).ran] == [("revert", "users")]
    assert await reader.connection.fetchval("SELECT to_regclass('public.users')") is None


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"001-a/up.sql": "", "001-b/up.sql": ""}, r"(?s)001-a/up\.sql.*001-b/up\.sql"),
        ({"1-a/up.sql": ""}, "its folder is not named like 001-users"),
        ({"001-a/down.sql": ""}, "there is no up.sql beside it"),
    ],
)
async def test_the_layout_skips_nothing(reader: Reader, folders: ModuleType, files: dict[str, str], error: str) -> None:
    reader.has(files)
    with pytest.raises((LoadError, Duplicate), match=error):
        await of_folders(reader, folders).migrate()
