"""`trek config` shows every setting and where it comes from, and no password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

FILE = """
[project]
name = "shop"

[tool.trek]
directory = ["migrations", "package:auth.migrations"]
out_of_order = "allow"
disable-plugins = ["jinja"]

[tool.trek.store-settings]
schema = "app"

[tool.trek.databases]
billing.dsn = "postgresql://ada:${PASSWORD}@h/billing"

[tool.trek.databases."shop"]
dsn = "${SHOP_DSN}"
executor-settings = { password = "swordfish", connect-timeout = 3 }
"""


@pytest.fixture
def configured(offline: Project) -> Project:
    (offline.folder / "pyproject.toml").write_text(FILE)
    return offline


def shown(project: Project, *words: str) -> dict[str, tuple[object, str]]:
    """Key -> value and origin."""
    ended = project.run("config", "--json", *words)
    assert (ended.code, ended.err) == (0, "")
    assert "swordfish" not in ended.out
    return {key: (one["value"], one["from"]) for key, one in ended.json["settings"].items()}


def test_every_value_is_shown_with_the_file_and_line_the_variable_or_the_option_it_comes_from(
    configured: Project,
) -> None:
    configured.environ = {"TREK_DISABLE_PLUGINS": "python", "SHOP_DSN": "postgresql://ada:swordfish@h/shop"}
    found = shown(configured, "--database", "shop", "--lock-wait", "5", "--no-plugin", "sql", "--format", "goose")
    assert found == {
        "directory": (["migrations", "package:auth.migrations"], "pyproject.toml:6"),
        "dsn": ("postgresql://ada:***@h/shop", "pyproject.toml:17 (SHOP_DSN)"),
        "format": ("goose", "--format"),
        "layout": (None, "--format"),
        "store": (None, "--format"),
        "layout-settings": ({}, "default"),
        "store-settings": ({"schema": "app"}, "pyproject.toml:10"),
        "executor-settings": ({"password": "***", "connect-timeout": 3}, "pyproject.toml:18"),
        "out-of-order": ("allow", "pyproject.toml:7"),
        "missing": (None, "default"),
        "changed": (None, "default"),
        "transaction": (None, "default"),
        "lock-wait": (5.0, "--lock-wait"),
        "expect-database": (None, "default"),
        "new-template": (None, "default"),
        "disable-plugins": (["jinja", "sql", "python"], "pyproject.toml:8, --no-plugin, TREK_DISABLE_PLUGINS"),
    }


def test_a_dotted_key_has_its_line_and_a_variable_that_is_not_set_is_told(configured: Project) -> None:
    found = shown(configured, "--database", "billing")
    assert found["dsn"] == ("postgresql://ada:***@h/billing", "pyproject.toml:14 (PASSWORD, which is not set)")
    configured.environ = {"PASSWORD": "swordfish"}
    assert shown(configured, "--database", "billing")["dsn"][1] == "pyproject.toml:14 (PASSWORD)"


def test_the_environment_and_an_option_are_named_as_they_were_given(offline: Project) -> None:
    offline.environ = {"DATABASE_URL": "postgresql://ada:swordfish@h/x", "TREK_DIR": "db"}
    assert shown(offline)["dsn"] == ("postgresql://ada:***@h/x", "DATABASE_URL")
    assert shown(offline)["directory"] == ("db", "TREK_DIR")
    assert shown(offline, "--dir", "a", "--dir", "b", "--embedded")["directory"] == (["a", "b"], "--dir")
    assert shown(offline, "--embedded")["dsn"] == ("embedded:.trek/postgres", "--embedded")


def test_databases_are_listed_and_none_need_be_chosen(configured: Project) -> None:
    ended = configured.run("config")
    assert ended.code == 0
    first, _, *rows = ended.out.splitlines()
    file = configured.folder / "pyproject.toml"
    assert first == f"{file}, of the databases billing, shop none is chosen: --database NAME"
    assert rows[1].split() == ["directory", '["migrations",', '"package:auth.migrations"]', "pyproject.toml:6"]
    chosen = configured.run("config", "--database", "shop")
    assert chosen.out.startswith(f"{file}, the database shop (others: billing)\n")
    assert "swordfish" not in chosen.out


def test_without_a_file_it_says_so(offline: Project) -> None:
    assert offline.run("config").out.startswith("no trek.toml, and no pyproject.toml with [tool.trek]")


def test_a_database_is_opened_only_if_its_variables_are_set(configured: Project) -> None:
    ended = configured.run("status", "--database", "shop")
    assert (ended.code, ended.out) == (2, "")
    assert "dsn names the variable SHOP_DSN, which is not set" in ended.err


def test_what_needs_no_database_needs_no_choice_and_no_variable(configured: Project) -> None:
    assert configured.run("plugins").code == 0
    ended = configured.run("new", "users", "--database", "shop")
    assert (ended.code, ended.out) == (0, "migrations/0001_users.sql\n")
    refused = configured.run("new", "users")
    assert refused.code == 2
    assert "has several databases, and none was chosen: billing, shop" in refused.err
