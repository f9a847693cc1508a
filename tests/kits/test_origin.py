"""A suite's messages name who made what it was given: plugin, distribution and version, or else the module."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from trek_core.plugin import Layout, Loader, Observer
from trek_core.testing._origin import origin
from trek_loaders import native, sql
from trek_loaders.formats import asyncpg_trek

TREK = f"trek-migrate {version('trek-migrate')}"


def distribution(folder: Path, name: str, *plugins: str, **modules: str) -> None:
    """Installs `name 1.2` there: plugins are "name = module", modules name -> source."""
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("\n".join(["[trek]", *plugins, ""]))


def test_a_loader_is_its_plugins():
    (loader,) = sql.trek_register_loaders()
    assert origin(loader) == f"plugin 'sql' ({TREK})"


def test_a_layout_and_a_store_are_their_modules_plugins_also_from_a_module_within():
    (layouts,), (stores,) = native.trek_register_layouts(), asyncpg_trek.trek_register_version_stores()
    store = stores.create(stores.settings())
    assert origin(layouts.create(layouts.settings())) == f"plugin 'native' ({TREK})"
    assert origin(store) == origin(type(store)) == f"plugin 'asyncpg-trek' ({TREK})"


def test_what_no_plugin_offers_is_its_modules():
    async def notify(event: object) -> None: ...

    assert origin(Loader("mine", (".mine",), lambda source: sql.load(source))) == f"module {__name__}"  # noqa: PLW0108
    assert origin(Layout(arrange=partial(lambda word, tree: tree, "word"))) == f"module {__name__}"
    assert origin(Observer("mine", notify)) == f"module {__name__}"


def test_a_loader_that_a_plugin_offers_from_another_package_is_that_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    offering = "import from_elsewhere, trek_core.plugin as p\n\n@p.hookimpl\ndef trek_register_loaders():\n"
    distribution(
        tmp_path,
        "trek-door",
        "door = the_door",
        the_door=f"{offering}    return [from_elsewhere.LOADER]\n",
        from_elsewhere="import trek_core.plugin as p\nLOADER = p.Loader('far', ('.far',), lambda source: None)\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    import from_elsewhere

    assert origin(from_elsewhere.LOADER) == "plugin 'door' (trek-door 1.2)"


def test_a_broken_plugin_hides_nobodys_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    distribution(tmp_path, "trek-broken", "broken = the_broken_one", the_broken_one="1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    (loader,) = sql.trek_register_loaders()
    assert origin(loader) == f"plugin 'sql' ({TREK})"
