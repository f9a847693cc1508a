"""The kits of loaders and layouts, on those that trek brings. Installed plugins are on offer as they are to a user."""

from __future__ import annotations

from typing import Any, ClassVar

from trek_core.plugin import Layout, Loader
from trek_core.testing import Folder, LayoutCase, LayoutSuite, LoaderCase, LoaderSuite
from trek_loaders import native, python, sql
from trek_loaders.formats import asyncpg_trek

UP, DOWN = "CREATE TABLE users (id int);\n", "DROP TABLE users;\n"
BOTH = f"{UP}-- trek: down\n{DOWN}"
PY_UP = "async def upgrade(connection):\n    await connection.execute('SELECT 1')\n"
PY_BOTH = f"{PY_UP}\n\nasync def downgrade(connection):\n    await connection.execute('SELECT 2')\n"
EDGE = "async def run_migration(connection):\n    await connection.execute('SELECT 1')\n"


def loader_of(module: Any) -> Loader:
    (loader,) = module.trek_register_loaders()
    return loader


def layout_of(module: Any) -> Layout:
    (provider,) = module.trek_register_layouts()
    return provider.create(provider.settings())


class TestSql(LoaderSuite):
    def case(self) -> LoaderCase:
        return LoaderCase(
            loader_of(sql),
            good={
                "0001_users.sql": f"-- trek: lock-timeout 2s\n-- trek: requires 0000\n{BOTH}",
                "0002_one_way.sql": f"-- a remark\n{UP}\nINSERT INTO users VALUES (1), (2); /* ; */ SELECT ';';\n",
                "0003_index.sql": "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY i ON users (id);\nSELECT 1",
                "0004_function.sql": (
                    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$\nBEGIN\n  RETURN 1;\nEND\n$body$;\n\n\n"
                    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n"
                    "SET search_path = public;\n"
                ),
                "0005_words.sql": "INSERT INTO users VALUES (E'a\\'b;', U&'\\0061', 'ü☃', \"q;\"\"\");\nSELECT $1$;$1$\n;\n;",
                "0007_copy.sql": "\\restrict x\nCOPY users FROM stdin;\n1\n\\.\n\\unrestrict x\n",
                "0006_forever.sql": f"-- trek: irreversible\n{UP}",
            },
            bad={
                "0010_nothing.sql": "-- nothing\n",
                "0011_quote.sql": "SELECT 1;\nSELECT 'open",
                "0012_dollar.sql": "SELECT $a$ open $b$",
                "0013_comment.sql": "SELECT 1 /* open",
                "0014_directive.sql": f"-- trek: no-tranaction\n{UP}",
                "0015_late.sql": f"{UP}-- trek: irreversible\n",
                "0016_twice.sql": f"{BOTH}-- trek: down\n{DOWN}",
                "0017_commit.sql": "COMMIT;",
                "0018_mixed.sql": f"{UP}VACUUM;",
                "0019_copy.sql": "COPY users FROM stdin;\n1\n",
                "0020_psql.sql": "\\i other.sql\n",
                "0021_large_object.sql": "SELECT pg_catalog.lo_create('1');",
            },
        )


class TestPython(LoaderSuite):
    def case(self) -> LoaderCase:
        return LoaderCase(
            loader_of(python),
            good={
                "0001_users.py": f'lock_timeout = "2s"\nrequires = ("0000",)\n\n\n{PY_BOTH}',
                "0002_one_way.py": f'"""Ünicode."""\n\nimport asyncio\n\n\n{PY_UP}',
                "0003_forever.py": f"irreversible = True\nno_transaction = True\n\n\n{PY_UP}",
            },
            bad={
                "0010_nothing.py": "",
                "0011_sync.py": "def upgrade(connection):\n    pass\n",
                "0012_generator.py": "async def upgrade(connection):\n    yield\n",
                "0013_syntax.py": "async def upgrade(connection)\n",
                "0014_arguments.py": "async def upgrade():\n    pass\n",
                "0015_assigned.py": "upgrade = print\n",
                "0016_twice.py": f"{PY_UP}\n\n{PY_UP}",
                "0017_constant.py": f"no_transaction = 1 + 1\n{PY_UP}",
                "0018_contradiction.py": f"irreversible = True\n{PY_BOTH}",
                "0019_timeout.py": f'lock_timeout = "soon"\n{PY_UP}',
            },
        )


class TestNative(LayoutSuite):
    without: ClassVar = {"route": "revisions are a set: trek's own planner finds the way"}

    def case(self) -> LayoutCase:
        return LayoutCase(
            layout_of(native),
            folders=[
                Folder(
                    {"1_a.sql": BOTH, "2_b.up.sql": UP, "2_b.down.sql": DOWN, "10_c.py": PY_BOTH, "README.md": "Read."},
                    ("1", "2", "10"),
                ),
                Folder(
                    {
                        "0001_a.sql": UP,
                        "0002_b.sql": UP,
                        "0003_squash.sql": f"-- trek: replaces 0001..0002\n{UP}",
                        "0004_d.sql": f"-- trek: requires 0001 0002\n{UP}",
                        "notes/plan.txt": "Later.",
                    },
                    ("0001", "0002", "0003", "0004"),
                ),
                Folder(
                    {"20240101120000_a.sql": UP, "shop/20240102120000_b.sql": UP}, ("20240101120000", "20240102120000")
                ),
                Folder({"a1_x.up.py": PY_UP, "a1_x.down.sql": DOWN, "b.2_y.sql": UP}, ("a1", "b.2")),
                Folder({"0007_squash.sql": f"-- trek: replaces 0001 0002\n{UP}", "0008_e.sql": UP}, ("0007", "0008")),
            ],
            bad=[
                {"0001_a.sql": UP, "1_b.sql": UP},
                {"0001_a.sql": UP, "shop/0001_a.sql": UP},
                {"users.sql": UP},
                {"head_users.sql": UP},
                {"0001_a.down.sql": DOWN},
                {"0001_a.toml": UP},
                {"0001_a.sql": f"-- trek: requires 0009\n{UP}"},
                {"0001_a.sql": f"-- trek: nonsense\n{UP}"},
                {"0001_a.sql": f"-- trek: replaces 0001\n{UP}"},
                {"0001_a.sql": f"-- trek: replaces 0008..0009\n{UP}"},
                {"0001_a.sql": f"-- trek: requires 0002\n{UP}", "0002_b.sql": UP},
            ],
            foreign=[
                {"V1__users.sql": UP},
                {"20240101_initial_up_one.sql": UP},
                {"0001_users.sql": f"-- +goose Up\n{UP}-- +goose Down\n{DOWN}"},
                {"0001_users.sql": f"-- migrate:up\n{UP}"},
                {"0001_users.sql": f"-- +migrate Up\n{UP}"},
            ],
        )


class TestAsyncpgTrek(LayoutSuite):
    without: ClassVar = {"checksums": "asyncpg-trek's table has no column for one"}

    def case(self) -> LayoutCase:
        return LayoutCase(
            layout_of(asyncpg_trek),
            folders=[
                Folder(
                    {
                        "20240101_initial_up_one.sql": UP,
                        "20240102_one_up_two.py": EDGE,
                        "20240103_two_up_three.sql": UP,
                        "20240104_three_down_two.sql": DOWN,
                        "20240105_two_down_one.py": EDGE,
                        "20240106_one_down_initial.sql": DOWN,
                        "README.md": "Read me.",
                    },
                    ("one", "two", "three"),
                ),
                Folder(
                    {
                        "20240101_initial_up_one.sql": UP,
                        "20240102_one_up_two.sql": UP,
                        "20240103_two_up_three.sql": UP,
                        "20240104_initial_up_three.sql": UP,
                        "20240105_three_down_one.sql": DOWN,
                        "20240106_one_down_initial.sql": DOWN,
                    },
                    ("one", "three", "two"),
                ),
            ],
            bad=[
                {"users.sql": UP},
                {"20240101_one_up_initial.sql": UP},
                {"20240101_one_up_one.sql": UP},
                {"20240101_initial_up_one.sql": UP, "20240102_initial_up_one.sql": UP},
                {"deeper/20240101_initial_up_one.sql": UP},
                {"20240101_initial_up_one.sql": UP, "20240102_tow_down_oen.sql": DOWN},
            ],
            foreign=[{"0001_users.sql": UP}, {"1-users.py": EDGE}],
        )
