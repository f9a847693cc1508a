"""The page on configuration lists what the code reads, and says truly which of them wins."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import click
import pytest

import trek_loaders.native
from tests.docs.pages import ROOT, read
from trek_asyncpg import plugin as asyncpg_plugin
from trek_core import ConfigError
from trek_core._config import Settings, load_settings
from trek_core._table import wanted
from trek_core.cli._app import cli
from trek_core.cli._options import common, given
from trek_loaders.formats import asyncpg_trek

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/configuration.md"


def table(heading: str) -> list[list[str]]:
    """The cells of the table with that heading, without backquotes."""
    (rows,) = re.findall(rf"^\| {re.escape(heading)} \|\n\|[-|]+\n((?:\|.*\n)+)", read(PAGE), re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def described(kind: Any) -> Iterator[tuple[str, str, str]]:
    """Key, type and default of each field of a settings class, in the page's words."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        kind_of_none = "the format's" if "Choice" in str(field.type) else "none"
        shown = kind_of_none if default is None else "empty" if default in ({}, ()) else _toml(default)
        yield field.name.replace("_", "-"), wanted(hints[field.name]), shown


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def offered() -> dict[str, Any]:
    """What trek brings -> the class of its settings."""
    layouts = (*trek_loaders.native.trek_register_layouts(), *asyncpg_trek.trek_register_layouts())
    stores = (*asyncpg_plugin.trek_register_version_stores(), *asyncpg_trek.trek_register_version_stores())
    found = {f"layout {one.name}": one.settings for one in layouts}
    found |= {f"store {one.name}": one.settings for one in stores}
    return found | {f"executor {one.name}": one.settings for one in asyncpg_plugin.trek_register_executors()}


def test_every_key_stands_in_the_page_with_its_type_and_its_default() -> None:
    assert [tuple(row[:3]) for row in table("key | type | default | meaning")] == list(described(Settings))


def test_the_settings_of_what_trek_brings_stand_in_the_page() -> None:
    expected = [(name, *one) for name, kind in offered().items() for one in described(kind)]
    assert sorted(tuple(row[:4]) for row in table("of | key | type | default | meaning")) == sorted(expected)
    without = {name for name, kind in offered().items() if not dataclasses.fields(kind)}
    assert without == {"layout native", "layout asyncpg-trek"}


def test_every_variable_that_the_code_reads_stands_in_the_page() -> None:
    code = "".join(
        path.read_text()
        for name in ("trek_core", "trek_asyncpg", "trek_loaders")
        for path in (ROOT / name).rglob("*.py")
    )
    used = set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", code))
    assert used == {row[0] for row in table("variable | meaning")}


def test_the_options_of_the_page_are_those_that_every_command_takes() -> None:
    named = {option for row in table("option | instead of") for option in re.findall(r"--[a-z-]+", row[0])}

    @click.command()
    @common
    def nothing() -> None: ...

    known = {option for parameter in nothing.params for option in parameter.opts if option.startswith("--")}
    assert named == known - {"--json", "--quiet", "--verbose"}
    assert cli.params


# --------------------------------------------------------------------------- who wins
@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "trek.toml").write_text(
        'directory = "db"\ndsn = "postgresql://file"\n[store-settings]\nschema = "app"\n'
    )
    (tmp_path / "src").mkdir()
    return tmp_path


def test_a_parents_file_is_found_and_its_directory_belongs_to_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "src")
    settings = load_settings(environ={})
    assert Path(settings.directory) == project / "db"
    assert settings.store_settings == {"schema": "app"}
    (project / "src/trek.toml").write_text("lock-wait = 30\n")
    assert load_settings(environ={}) == Settings(lock_wait=30)


@pytest.mark.parametrize(
    ("environ", "dsn"),
    [
        ({}, "postgresql://file"),
        ({"TREK_DSN": ""}, "postgresql://file"),
        ({"DATABASE_URL": "postgresql://url"}, "postgresql://url"),
        ({"DATABASE_URL": "postgresql://url", "TREK_DSN": "postgresql://trek"}, "postgresql://trek"),
    ],
)
def test_the_environment_wins_over_the_file(project: Path, environ: Mapping[str, str], dsn: str) -> None:
    assert load_settings(project, environ).dsn == dsn


def test_an_option_wins_over_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("TREK_DSN", "postgresql://trek")
    monkeypatch.setenv("TREK_DIR", "from-here")
    context = click.Context(cli)
    assert (given(context).settings().dsn, given(context).settings().directory) == ("postgresql://trek", "from-here")
    given(context).dsn, given(context).directory = "postgresql://option", ("other",)
    assert (given(context).settings().dsn, given(context).settings().directory) == ("postgresql://option", "other")


def test_two_files_in_one_folder_are_an_error(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.trek]\n")
    with pytest.raises(ConfigError, match="keep one of them"):
        load_settings(project, {})
