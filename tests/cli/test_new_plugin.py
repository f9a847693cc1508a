"""`trek new-plugin` writes a distribution. That what it writes works: tests/plugins/test_new_plugin_installed.py."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trek_core.cli._new_plugin import _bounds

if TYPE_CHECKING:
    from tests.cli.project import Project

KINDS = ("loader", "layout", "version-store", "executor", "observer")
LONGEST = "a" * 24 + "-12345"
RUFF = Path(sys.executable).with_name("ruff")
AUTHORS_RULES = "E,W,F,I,B,UP,ANN,SIM,C4,PT,PTH"


def listed(project: Project) -> list[str]:
    return sorted(path.relative_to(project.folder).as_posix() for path in project.folder.rglob("*"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_distribution_is_written_and_its_files_and_the_next_steps_are_printed(offline: Project, kind: str) -> None:
    ended = offline.run("new-plugin", kind, "shop-two")
    assert (ended.code, ended.err) == (0, "")
    files, _, steps = ended.out.partition("\n\nNext:\n")
    assert files.splitlines() == [
        "trek-shop-two/pyproject.toml",
        "trek-shop-two/README.md",
        "trek-shop-two/src/trek_shop_two/__init__.py",
        "trek-shop-two/src/trek_shop_two/py.typed",
        "trek-shop-two/tests/test_trek_shop_two.py",
    ]
    assert all((offline.folder / file).is_file() for file in files.splitlines())
    assert steps.splitlines() == ["  cd trek-shop-two", "  pip install -e '.[test]'", "  pytest", "  trek plugins"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_distribution_has_the_entry_point_and_asks_for_this_trek(offline: Project, kind: str) -> None:
    offline.run("new-plugin", kind, "shop")
    project = tomllib.loads((offline.folder / "trek-shop/pyproject.toml").read_text())["project"]
    assert (project["name"], project["entry-points"]) == ("trek-shop", {"trek": {"shop": "trek_shop"}})
    assert project["dependencies"] == ["trek-migrate>=0.1,<0.2"]
    assert not [one for one in project["classifiers"] if one.startswith("Framework")]


@pytest.mark.parametrize(
    ("version", "bounds"), [("0.3.1", ">=0.3,<0.4"), ("1.2.0", ">=1.2,<2"), ("2.0rc1", ">=2.0,<3")]
)
def test_it_asks_for_the_releases_that_keep_its_contract(version: str, bounds: str) -> None:
    assert _bounds(version) == bounds


def test_json_lists_the_files_and_the_next_steps(offline: Project) -> None:
    found = offline.run("new-plugin", "loader", "sqlx", "--json").json
    assert found["created"][0] == "trek-sqlx/pyproject.toml"
    assert found["next"] == ["cd trek-sqlx", "pip install -e '.[test]'", "pytest", "trek plugins"]


def test_a_directory_may_be_named_and_is_made(offline: Project) -> None:
    ended = offline.run("new-plugin", "loader", "sqlx", "--directory", "my plugins/new")
    assert ended.code == 0
    assert "  cd 'my plugins/new/trek-sqlx'" in ended.out.splitlines()
    assert (offline.folder / "my plugins/new/trek-sqlx/pyproject.toml").is_file()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", LONGEST])
def test_what_is_written_is_formatted_and_without_a_complaint_of_ruff(offline: Project, kind: str, name: str) -> None:
    assert offline.run("new-plugin", kind, name).code == 0
    folder = offline.folder / f"trek-{name}"
    for words in (["check", "--select", AUTHORS_RULES], ["format", "--check"]):
        done = subprocess.run([RUFF, *words, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_plugin_is_shorter_than_40_lines_and_nothing_is_left_of_the_template(offline: Project, kind: str) -> None:
    created = offline.run("new-plugin", kind, "shop", "--json").json["created"]
    code = (offline.folder / "trek-shop/src/trek_shop/__init__.py").read_text()
    after_imports = code.rpartition("\nfrom trek_")[2].partition("\n\n")[2]
    assert 10 <= len([line for line in after_imports.splitlines() if line]) < 40
    assert [file for file in created if "$" in (offline.folder / file).read_text()] == []


# --------------------------------------------------------------------------- refusals
def test_nothing_is_overwritten(offline: Project) -> None:
    (offline.folder / "trek-shop").mkdir()
    (offline.folder / "trek-shop/README.md").write_text("mine\n")
    ended = offline.run("new-plugin", "layout", "shop")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("trek-shop exists already, and nothing is overwritten.")
    assert listed(offline) == ["trek-shop", "trek-shop/README.md"]
    assert (offline.folder / "trek-shop/README.md").read_text() == "mine\n"


def test_a_folder_that_cannot_be_made_is_named(offline: Project) -> None:
    (offline.folder / "plugins").write_text("a file\n")
    ended = offline.run("new-plugin", "layout", "shop", "--directory", "plugins")
    assert ended.code == 2
    assert ended.err.startswith("plugins/trek-shop cannot be written: ")


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("lodaer", " Did you mean 'loader'?"),
        ("versionstore", " Did you mean 'version-store'?"),
        ("store", " Did you mean 'version-store'?"),
        ("Observer", " Did you mean 'observer'?"),
        ("backend", ""),
    ],
)
def test_an_unknown_kind_is_told_with_the_nearest_and_all(offline: Project, kind: str, advice: str) -> None:
    ended = offline.run("new-plugin", kind, "shop", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "UsageError")
    wanted = f"there is no kind of plugin {kind!r}.{advice} There are: {', '.join(KINDS)}."
    assert ended.json["error"]["message"] == wanted
    assert listed(offline) == []


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Shop", " Write 'shop'."),
        ("shop_store", " Write 'shop-store'."),
        ("trek-shop", " Write 'shop'."),
        ("2shop", " Write 'shop'."),
        ("shop--two-", " Write 'shop-two'."),
        ("../shop", " Write 'shop'."),
        ("shöp", " Write 'sh-p'."),
        ("a" * 31, f" Write '{'a' * 30}'."),
        ("42", ""),
        ("☃", ""),
        ("", ""),
        ("shop\n", " Write 'shop'."),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_one_that_can(offline: Project, name: str, advice: str) -> None:
    ended = offline.run("new-plugin", "loader", "--json", "--", name)
    assert (ended.code, ended.json["error"]["type"]) == (2, "UsageError")
    message = ended.json["error"]["message"]
    assert message.startswith(f"{name!r} cannot be a plugin's name: small letters, digits and single dashes")
    assert message.endswith(f"for the distribution.{advice}")
    assert listed(offline) == []


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [
        ("observer", "core", "a module trek_core is installed"),
        ("observer", "migrate", "a distribution trek-migrate is installed"),
        ("observer", "sql", "it is the name of a plugin of trek-migrate"),
        ("loader", "py", "the plugin 'python' of trek-migrate offers the loader python (.py)"),
        (
            "executor",
            "postgres",
            "the plugin 'asyncpg' of trek-migrate offers the executor asyncpg (postgresql, postgres)",
        ),
    ],
)
def test_a_name_that_would_be_in_conflict_is_refused(offline: Project, kind: str, name: str, owner: str) -> None:
    ended = offline.run("new-plugin", kind, name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"the name {name!r} is taken: {owner}. Take another name, or uninstall that.\n"
    assert listed(offline) == []


def test_what_another_kind_offers_is_no_conflict(offline: Project) -> None:
    assert offline.run("new-plugin", "layout", "postgres").code == 0


def test_a_plugin_in_the_way_is_named_although_it_is_broken_or_blocked(offline: Project) -> None:
    offline.install("acme", "raise RuntimeError('the acme licence expired')\n")
    assert "it is the name of a plugin of acme" in offline.run("new-plugin", "loader", "acme").err
    offline.environ["TREK_DISABLE_PLUGINS"] = "acme,elsewhere"
    assert "it is the name of a plugin of acme" in offline.run("new-plugin", "loader", "acme").err
    assert offline.run("new-plugin", "loader", "elsewhere").code == 0
