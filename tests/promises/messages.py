"""Eight mistakes of plugins, each made by a distribution that is really installed, and what trek says of it.

The mistakes are those of issue 3; `python -m tests.promises.show` prints the messages.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tests.promises.distributions import on_path, put
from trek_core import Migrator, TrekError
from trek_core.plugin import PluginHost
from trek_core.testing import LoaderCase, LoaderSuite, memory_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOADER = """
from trek_core.plugin import Body, Loader, Script, Sql, decode, hookimpl

def load(source):
    return Script(Body((Sql(decode(source), str(source.file)),)))

@hookimpl
def {hook}():
    {gives}
"""
STORE = """
from trek_core.plugin import Provider, hookimpl
from trek_core.testing import MemoryStore

class ShopStore(MemoryStore):
{method}

@hookimpl
def trek_register_version_stores():
    yield Provider("shop", lambda settings: ShopStore())
"""
RAISES_KEY_ERROR = """
    def history(self, rows, facts):
        return [row["step"] for row in rows or [{}]]
"""
COMMITS = """
    def record(self, action, history):
        from dataclasses import replace
        from trek_core.plugin import Sql
        record = super().record(action, history)
        return replace(record, finish=(*record.finish, Sql("COMMIT")))
"""
OBSERVER = """
from trek_core.plugin import Observer, RunStarted, hookimpl

async def notify(event):
    if isinstance(event, RunStarted):
        raise ConnectionError("nobody listens on port 4317")

@hookimpl
def trek_register_observers():
    yield Observer("shop-log", notify)
"""
READS = """
from pathlib import Path
from trek_core.plugin import Body, Loader, Script, Sql, hookimpl

def load(source):
    owner = Path("owner.txt").read_text()
    return Script(Body((Sql(f"GRANT ALL TO {owner}", str(source.file)),)))

LOADER = Loader("sqlx", (".sqlx",), load)

@hookimpl
def trek_register_loaders():
    yield LOADER
"""
SQLX = LOADER.format(hook="trek_register_loaders", gives='yield Loader("sqlx", (".sqlx",), load)')


def import_error(folder: Path) -> str:
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx="import shop_settings\n")
    return loading()


def misspelled_hook(folder: Path) -> str:
    code = LOADER.format(hook="trek_register_loader", gives='yield Loader("sqlx", (".sqlx",), load)')
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=code)
    return loading()


def wrong_return_type(folder: Path) -> str:
    code = LOADER.format(hook="trek_register_loaders", gives='return Loader("sqlx", (".sqlx",), load)')
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=code)
    return loading()


def duplicate_name(folder: Path) -> str:
    put(folder, "acme-sqlx", {"acme-sqlx": "acme_sqlx"}, "0.9", acme_sqlx=SQLX)
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    return loading()


def store_that_raises(folder: Path) -> str:
    put(folder, "shop-store", {"shop": "shop_store"}, shop_store=STORE.format(method=RAISES_KEY_ERROR))
    return migrating(folder, {"0001_users.sql": "SELECT 1;"}, store="shop")


def observer_that_raises(folder: Path) -> str:
    put(folder, "shop-log", {"shop-log": "shop_log"}, shop_log=OBSERVER)
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("trek")
    log.addHandler(handler)
    try:
        said = migrating(folder, {"0001_users.sql": "SELECT 1;"})
    finally:
        log.removeHandler(handler)
    assert said == "1 done"
    (message,) = heard
    return message


def loader_that_reads(folder: Path) -> str:
    """At run time, where the file is not there."""
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=READS)
    return migrating(folder, {"0001_grants.sqlx": "GRANT"})


def loader_that_reads_in_the_kit(folder: Path) -> str:
    """In the author's tests, whether the file is there or not."""
    put(folder, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=READS)
    import shop_sqlx  # type: ignore[import-not-found]

    class TestSqlx(LoaderSuite):
        def case(self) -> LoaderCase:
            return LoaderCase(shop_sqlx.LOADER, good={"0001_grants.sqlx": "GRANT"}, bad={"0002_no.sqlx": ""})

    try:
        TestSqlx().test_l3_loading_does_no_io()
    except AssertionError as error:
        return "\n".join([str(error), *error.__notes__])
    return "no error"


def store_that_commits(folder: Path) -> str:
    put(folder, "shop-store", {"shop": "shop_store"}, shop_store=STORE.format(method=COMMITS))
    return migrating(folder, {"0001_users.sql": "SELECT 1;"}, store="shop")


CASES: Mapping[str, Callable[[Path], str]] = {
    "import error": import_error,
    "misspelled hook": misspelled_hook,
    "wrong return type": wrong_return_type,
    "duplicate name": duplicate_name,
    "store that raises KeyError": store_that_raises,
    "observer that raises": observer_that_raises,
    "loader that reads the disk, in the kit": loader_that_reads_in_the_kit,
    "loader that reads the disk, in a run": loader_that_reads,
    "store that commits": store_that_commits,
}


def said(case: str, folder: Path) -> str:
    """The message, as the user reads it."""
    with on_path(folder / "site") as site:
        return CASES[case](site)


def loading() -> str:
    try:
        return ", ".join(PluginHost().suffixes())
    except TrekError as error:
        return str(error)


def migrating(site: Path, files: Mapping[str, str], store: str = "") -> str:
    folder = site / "migrations"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    loop = asyncio.new_event_loop()  # asyncio.run() would leave the thread without the loop of the other tests
    try:
        migrator = Migrator(memory_backend(store=store or None), folder)
        return f"{len(loop.run_until_complete(migrator.migrate()).ran)} done"
    except TrekError as error:
        return str(error).replace(str(folder), "migrations")
    finally:
        loop.close()
