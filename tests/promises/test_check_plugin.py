"""`check_plugin`: what an author's test says of an installed distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.promises.distributions import on_path, put
from tests.promises.messages import LOADER, OBSERVER, SQLX
from trek_core.plugin import PluginHost
from trek_core.testing import check_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with on_path(tmp_path / "site") as made:
        yield made


def refused(name: str, **options: tuple[str, ...]) -> str:
    with pytest.raises(AssertionError) as raised:
        check_plugin(name, **options)
    return str(raised.value)


def test_a_right_plugin_passes_and_is_described(site: Path) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    info = check_plugin("sqlx", offers=["loader sqlx", "loader sqlx (.sqlx)"])
    assert info == next(info for info in PluginHost().describe() if info.name == "sqlx")
    assert (info.distribution, info.version, info.state, info.offers) == (
        "shop-sqlx",
        "1.2",
        "works",
        ("loader sqlx (.sqlx)",),
    )


@pytest.mark.parametrize("name", ["asyncpg", "native", "sql", "python", "asyncpg-trek"])
def test_what_trek_brings_itself_passes(name: str) -> None:
    assert check_plugin(name).distribution == "trek-migrate"


def test_a_plugin_that_is_not_installed_gets_the_nearest_name_and_the_way_to_install(site: Path) -> None:
    put(site, "shop-sqlx", {"shop-sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    said = refused("shop-sqll")
    assert said.startswith(
        "no entry point named 'shop-sqll' in the group trek. Did you mean 'shop-sqlx'? There are: asyncpg,"
    )
    assert said.partition("\n")[2] == (
        "Is the distribution installed? `pip install -e .` beside its pyproject.toml, which says:\n"
        "    [project.entry-points.trek]\n"
        '    shop-sqll = "the.module"'
    )


def test_a_name_that_is_only_blocked_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREK_DISABLE_PLUGINS", "nobody")
    assert refused("nobody").startswith("no entry point named 'nobody' in the group trek. There are: asyncpg")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import shop_settings", "importing shop_sqlx: raised ModuleNotFoundError: No module named 'shop_settings'"),
        (SQLX.replace("loaders():", "loader():"), "registering: no hook is named 'trek_register_loader'. Did you mean"),
        (SQLX.replace("@hookimpl", ""), "registering: trek_register_loaders lacks @hookimpl and would never be called"),
        (SQLX.replace("loaders():", "loaders(config):"), "hooks of trek take no arguments"),
        (
            SQLX.replace('".sqlx"', '"sqlx"'),
            "gave Loader 'sqlx' with suffixes=('sqlx',), want a tuple of texts with their dot",
        ),
        (SQLX.replace("yield Loader", "return Loader"), "gave the Loader 'sqlx', want an iterable of Loader"),
    ],
)
def test_a_broken_plugin_fails_with_the_message_of_trek(site: Path, code: str, problem: str) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=code)
    said = refused("sqlx")
    assert said == next(info.error for info in PluginHost().describe() if info.name == "sqlx")
    assert said.startswith("plugin 'sqlx' (shop-sqlx 1.2): ")
    assert problem in said


@pytest.mark.parametrize("ours", ["aaa", "zzz"], ids=["loaded first", "loaded last"])
def test_a_name_that_somebody_else_offers_fails_whoever_is_loaded_first(site: Path, ours: str) -> None:
    put(site, "theirs-sqlx", {"mmm": "their_sqlx"}, their_sqlx=SQLX)
    put(site, "shop-sqlx", {ours: "shop_sqlx"}, shop_sqlx=SQLX)
    said = refused(ours)
    assert "the loader 'sqlx' is taken by plugin" in said
    assert {"shop-sqlx 1.2", "theirs-sqlx 1.2"} <= {part.partition(")")[0] for part in said.split("(")}


def test_an_entry_point_of_two_distributions_fails(site: Path) -> None:
    put(site, "theirs-sqlx", {"sqlx": "their_sqlx"}, their_sqlx=SQLX)
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    assert "the plugin name 'sqlx' is taken by plugin 'sqlx' (shop-sqlx 1.2)" in refused("sqlx")


def test_somebody_elses_broken_plugin_is_not_ours(site: Path) -> None:
    put(site, "acme", {"acme": "acme_plugin"}, acme_plugin="1 / 0")
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    assert check_plugin("sqlx").error == ""


def test_a_plugin_that_offers_nothing_fails(site: Path) -> None:
    empty = LOADER.format(hook="trek_register_loaders", gives="return ()")
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=empty)
    assert refused("sqlx") == (
        "plugin 'sqlx' (shop-sqlx 1.2) offers nothing: its hooks (trek_register_loaders) gave no object. "
        "Return or yield at least one."
    )


def test_a_plugin_that_does_not_offer_what_it_must_fails_with_the_nearest(site: Path) -> None:
    put(site, "shop-log", {"shop-log": "shop_log"}, shop_log=OBSERVER)
    assert check_plugin("shop-log", offers=["observer shop-log"])
    assert refused("shop-log", offers=("observer shoplog",)) == (
        "plugin 'shop-log' (shop-log 1.2) does not offer 'observer shoplog'. Did you mean 'observer shop-log'? "
        "It offers: observer shop-log."
    )


def test_a_blocked_plugin_fails_with_the_variable_that_blocks_it(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    monkeypatch.setenv("TREK_DISABLE_PLUGINS", "python,sqlx")
    assert refused("sqlx") == (
        "plugin 'sqlx' (shop-sqlx 1.2) is blocked: TREK_DISABLE_PLUGINS is 'python,sqlx'. Take its name out to test it."
    )
