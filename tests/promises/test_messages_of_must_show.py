"""The whole text for each mistake: plugin, distribution and version, what was found, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promises.messages import CASES, said

if TYPE_CHECKING:
    from pathlib import Path

FAULT = "\nThat is a fault of the plugin. Tell its authors, with the traceback: TREK_TRACEBACK=1 shows it."


def without(plugin: str) -> str:
    return f"\nTo run without it: --no-plugin {plugin}, or TREK_DISABLE_PLUGINS={plugin}"


MESSAGES = {
    "import error": (
        "plugin 'sqlx' (shop-sqlx 1.2): importing shop_sqlx: raised ModuleNotFoundError: No module named 'shop_settings'\n"
        "Install what it needs, or another version of it." + without("sqlx")
    ),
    "misspelled hook": (
        "plugin 'sqlx' (shop-sqlx 1.2): registering: no hook is named 'trek_register_loader'. "
        "Did you mean 'trek_register_loaders'? Hooks: trek_register_layouts, trek_register_loaders, "
        "trek_register_version_stores, trek_register_executors, trek_register_observers, "
        "trek_register_signs" + without("sqlx")
    ),
    "wrong return type": (
        "plugin 'sqlx' (shop-sqlx 1.2): hook trek_register_loaders: gave the Loader 'sqlx', want an iterable of Loader: "
        "yield each Loader, or return a list" + without("sqlx")
    ),
    "duplicate name": (
        "plugin 'sqlx' (shop-sqlx 1.2): hook trek_register_loaders: the loader 'sqlx' is taken by plugin 'acme-sqlx' "
        "(acme-sqlx 0.9)\n"
        "Block one of them: --no-plugin sqlx, or --no-plugin acme-sqlx"
    ),
    "store that raises KeyError": (
        "plugin 'shop' (shop-store 1.2): VersionStore.history: raised KeyError: 'step'" + FAULT + without("shop")
    ),
    "observer that raises": (
        "observer 'shop-log': plugin 'shop-log' (shop-log 1.2): Observer.notify(RunStarted): raised ConnectionError: "
        "nobody listens on port 4317" + FAULT + without("shop-log") + "\nThe run goes on."
    ),
    "loader that reads the disk, in the kit": (
        "the loader 'sqlx' of plugin 'sqlx' (shop-sqlx 1.2) did I/O while it loaded 0001_grants.sqlx: it opened "
        "'owner.txt' (shop_sqlx, line 6).\n"
        "Make the script of source.content alone: these bytes are what trek read and hashed. What else it needs is a "
        "constant of the module, or read once while the plugin is imported.\n"
        "The contract, L3: `load` does no I/O: it opens no file and no connection, starts no process and prints nothing."
    ),
    "loader that reads the disk, in a run": (
        "plugin 'sqlx' (shop-sqlx 1.2): loader sqlx: loading migrations/0001_grants.sqlx: raised FileNotFoundError: "
        "[Errno 2] No such file or directory: 'owner.txt'" + FAULT + without("sqlx")
    ),
    "store that commits": (
        "plugin 'shop' (shop-store 1.2): VersionStore.record: finish: gave the statement COMMIT: the executor begins and "
        "ends transactions, so that a row and its migration are one.\n"
        "A store only writes its rows: leave that statement out." + without("shop")
    ),
}


def test_every_mistake_has_its_message() -> None:
    assert list(MESSAGES) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_message_names_the_plugin_and_its_version_and_says_what_to_do(case: str, tmp_path: Path) -> None:
    assert said(case, tmp_path) == MESSAGES[case]
