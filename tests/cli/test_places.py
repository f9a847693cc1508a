"""The command and migrations that lie in packages, zips and several folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.cli.project import EMAIL, USERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project

NAME = "trek_sample_cli_auth"
PLACE = f"package:{NAME}.migrations"
BOTH = f'[tool.trek]\ndirectory = ["migrations", "{PLACE}"]\n'
ROLES = "CREATE TABLE roles (id int);\n-- trek: down\nDROP TABLE roles;\n"


def with_library(project: Project) -> Path:
    """A library on the path of every command that is run, and an application of one migration; the folder of the former."""
    folder = project.folder / "lib" / NAME / "migrations"
    folder.mkdir(parents=True)
    (folder / "auth.0001_roles.sql").write_text(ROLES)
    path = [str(project.folder / "lib"), os.environ.get("PYTHONPATH", "")]
    project.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    project.write({"0001_users.sql": USERS})
    (project.folder / "pyproject.toml").write_text(BOTH)
    return folder


def test_several_folders_of_the_configuration_and_of_options_are_one(project: Project) -> None:
    with_library(project)
    assert project.run("migrate").code == 0
    assert project.run("migrate").out == "up to date at 0001 and auth.0001\n"
    shown = project.run("status", "--json", "--dir", "migrations", "--dir", PLACE).json
    assert [(one["revision"], one["state"]) for one in shown["revisions"]] == [
        ("0001", "applied"),
        ("auth.0001", "applied"),
    ]
    alone = project.run("status", "--json", "--dir", "migrations").json
    assert [(one["revision"], one["state"]) for one in alone["revisions"]] == [
        ("0001", "applied"),
        ("auth.0001", "missing"),
    ]
    project.write({"0002_email.sql": EMAIL})
    assert project.run("migrate").code == 0
    back = project.run("migrate", "0001", "--yes")
    assert "reverted 0002 email" in back.out
    assert "auth" not in back.out


def test_new_writes_into_the_first_folder_or_the_one_that_is_named(offline: Project) -> None:
    folder = with_library(offline)
    assert offline.run("new", "email").out == "migrations/0002_email.sql\n"
    assert offline.run("new", "email", "--dir", PLACE).out == f"{folder}/auth.0002_email.sql\n"


@pytest.mark.parametrize("place", ["m.zip", "m.zip/db"])
def test_new_refuses_a_zip(offline: Project, place: str) -> None:
    with ZipFile(offline.folder / "m.zip", "w") as archive:
        archive.writestr("db/0001_users.sql", USERS)
    ended = offline.run("new", "email", "--dir", place)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"'{place}' lies in the zip {place}, and files are written into one folder: name it with --dir\n"
    )


def test_a_library_with_a_history_of_its_own_is_chosen_by_name(project: Project) -> None:
    with_library(project)
    (project.folder / "pyproject.toml").write_text(
        "[tool.trek]\ndefault-database = 'shop'\n[tool.trek.databases.shop]\n"
        f"[tool.trek.databases.auth]\ndirectory = '{PLACE}'\nstore-settings = {{ table = 'auth_history' }}\n"
    )
    assert project.run("migrate", "--database", "auth").code == 0
    assert project.run("migrate").code == 0
    for words, revision in (((), "0001"), (("--database", "auth"), "auth.0001")):
        shown = project.run("status", "--json", *words).json
        assert (shown["state"], [one["revision"] for one in shown["revisions"]]) == ("current", [revision])


def test_adopt_looks_at_one_folder(offline: Project) -> None:
    with_library(offline)
    ended = offline.run("adopt", "--dsn", "postgresql://127.0.0.1:1/x")
    assert ended.code == 2
    assert "a tool has one folder, and here are 2: say which with --dir." in ended.err
