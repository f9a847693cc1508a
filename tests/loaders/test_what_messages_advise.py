"""What the messages about files advise works when it is followed to the letter, in a database."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from trek_asyncpg import AsyncpgBackend
from trek_core import Changed, Irreversible, Migrator, UnknownRevision
from trek_core.plugin import Layout, Provider, TrekHooks, hookimpl
from trek_core.testing import memory_backend
from trek_loaders import native

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.databases import Connection

SQL = ("CREATE TABLE d (id int);", "DROP TABLE d;")
PY = (
    "async def upgrade(connection):\n    await connection.execute('CREATE TABLE d (id int)')\n",
    "async def downgrade(connection):\n    await connection.execute('DROP TABLE d')\n",
)
SQUASH = "-- trek: replaces {}\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n"


class Elsewhere(TrekHooks):
    """A format of its own, by whose names nobody else can go."""

    @hookimpl
    def trek_register_layouts(self) -> Iterable[Provider[Layout]]:
        (provider,) = native.trek_register_layouts()
        yield replace(provider, name="elsewhere")


@pytest.mark.parametrize(
    ("name", "advised", "ways"),
    [
        ("0013_d.sql", "0013_d.down.sql", SQL),
        ("0013_d.up.sql", "0013_d.down.sql", SQL),
        ("0013_d.py", "0013_d.down.py", PY),
    ],
)
async def test_an_applied_migration_is_given_the_way_down_that_the_message_names(
    connection: Connection, tmp_path: Path, name: str, advised: str, ways: tuple[str, str]
) -> None:
    (tmp_path / name).write_text(ways[0])
    migrator = Migrator(AsyncpgBackend(connection), str(tmp_path))
    await migrator.migrate()
    with pytest.raises(Irreversible, match=rf"\nNothing was changed\. Write {re.escape(advised)} beside it \("):
        await migrator.migrate("base")
    (tmp_path / advised).write_text(ways[1])
    again = Migrator(AsyncpgBackend(connection), str(tmp_path))
    assert (await again.migrate()).ran == ()
    assert [(ran.revision, ran.verb) for ran in (await again.migrate("base")).ran] == [("0013", "revert")]
    assert await connection.fetchval("SELECT to_regclass('public.d')") is None


async def test_of_a_format_whose_names_are_its_own_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "0013_d.sql").write_text(SQL[0])
    migrator = Migrator(memory_backend(layout="elsewhere", plugins=[Elsewhere()]), tmp_path)
    await migrator.migrate()
    with pytest.raises(
        Irreversible,
        match=r"has none\.\nNothing was changed\. Migrate forward .*, if its format has ways down, add one ",
    ) as refused:
        await migrator.migrate("base")
    assert ".down" not in str(refused.value)


async def test_a_squash_with_a_range_is_edited_after_its_originals_are_gone_and_accepted_again(
    connection: Connection, tmp_path: Path
) -> None:
    for name, table in (("0001_a.sql", "a"), ("0002_b.sql", "b")):
        (tmp_path / name).write_text(f"CREATE TABLE {table} (id int);")
    (tmp_path / "0004_c.sql").write_text("CREATE TABLE c (id int);")
    squash = tmp_path / "0003_s.sql"
    squash.write_text(SQUASH.format("0001..0002"))
    migrator = Migrator(AsyncpgBackend(connection), str(tmp_path))
    assert [ran.revision for ran in (await migrator.migrate()).ran] == ["0003", "0004"]
    (tmp_path / "0001_a.sql").unlink()
    (tmp_path / "0002_b.sql").unlink()
    with pytest.raises(UnknownRevision, match=r"replaces 0001\.\.0002: .*\n.*`trek repair 0003 --applied`"):
        await Migrator(AsyncpgBackend(connection), str(tmp_path)).migrate()
    squash.write_text(SQUASH.format("0001 0002"))
    with pytest.raises(Changed):
        await Migrator(AsyncpgBackend(connection), str(tmp_path)).migrate()
    await Migrator(AsyncpgBackend(connection), str(tmp_path)).repair("0003", applied=True)
    assert (await Migrator(AsyncpgBackend(connection), str(tmp_path)).migrate()).ran == ()
