"""`check(against=…)`: the folder beside another state of it in git, as a reviewer wants it in CI."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from trek_core import ConfigError, check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UP = "SELECT 1;\n"
NOBODY = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


class Repository:
    """With three migrations on main, and a branch from there that is checked out."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "db/migrations"
        self.folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.commit({f"000{n}_a.sql": f"SELECT {n};\n-- trek: down\nSELECT -{n};\n" for n in (1, 2, 3)})
        self.git("checkout", "-q", "-b", "work")

    def git(self, *words: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "-C", str(self.root), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env={**kept, **NOBODY}).stdout

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8", newline="")

    def commit(self, files: Mapping[str, str]) -> None:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")

    def main_gets(self, files: Mapping[str, str]) -> None:
        self.git("checkout", "-q", "main")
        self.commit(files)
        self.git("checkout", "-q", "work")

    def found(self, against: str = "main") -> list[tuple[str, str, str]]:
        found = check(self.folder, against=against)
        assert all(one.advice for one in found.findings)
        return [(one.level, one.name, one.path.removeprefix(f"{self.folder}/")) for one in found.findings]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return Repository(tmp_path)


def test_a_new_file_at_the_end_is_all_right_committed_or_not(repository: Repository) -> None:
    repository.write({"0004_b.sql": UP.replace("1", "4") + "-- trek: down\nSELECT 4;\n"})
    assert repository.found() == []
    repository.commit({})
    assert repository.found() == []
    assert repository.found("HEAD") == []


def test_a_file_that_is_there_and_was_edited_is_an_error(repository: Repository) -> None:
    repository.write({"0002_a.sql": "SELECT 22;\n-- trek: down\nSELECT 2;\n"})
    assert repository.found() == [("error", "edited", "0002_a.sql")]
    (found,) = check(repository.folder, against="main").findings
    assert found.message == "0002 is in main, and was edited here"


def test_line_ends_and_another_title_are_no_edits(repository: Repository) -> None:
    """As for a database: it would take them."""
    repository.write({"0003_a.sql": "SELECT 3;\r\n-- trek: down\r\nSELECT -3;\r\n"})
    (repository.folder / "0002_a.sql").rename(repository.folder / "0002_another.sql")
    assert repository.found() == []


def test_a_file_that_is_gone_is_an_error_unless_a_squash_replaces_it(repository: Repository) -> None:
    for n in (1, 2):
        (repository.folder / f"000{n}_a.sql").unlink()
    assert repository.found() == [("error", "removed", "0001_a.sql"), ("error", "removed", "0002_a.sql")]
    repository.write({"0002.1_s.sql": "-- trek: replaces 0001 0002\nSELECT 1;\n-- trek: down\nSELECT 1;\n"})
    assert repository.found() == []


def test_what_is_new_comes_after_what_the_branch_has_by_now(repository: Repository) -> None:
    both = UP + "-- trek: down\nSELECT 1;\n"
    repository.commit({"0004_mine.sql": both, "0002.5_early.sql": both})
    assert repository.found() == [("error", "out-of-order", "0002.5_early.sql")]
    repository.main_gets({"0005_theirs.sql": both})
    assert repository.found() == [
        ("error", "out-of-order", "0002.5_early.sql"),
        ("error", "out-of-order", "0004_mine.sql"),
    ]


@pytest.mark.parametrize("theirs", ["0004_theirs.sql", "4_theirs.sql", "0004_mine.sql"])
def test_two_branches_that_took_the_same_number_collide(repository: Repository, theirs: str) -> None:
    repository.commit({"0004_mine.sql": "SELECT 'mine';\n-- trek: down\nSELECT 1;\n"})
    repository.main_gets({theirs: "SELECT 'theirs';\n-- trek: down\nSELECT 1;\n"})
    assert repository.found() == [("error", "collision", "0004_mine.sql")]


def test_a_commit_that_was_picked_to_both_is_none(repository: Repository) -> None:
    same = {"0004_same.sql": "SELECT 'same';\n-- trek: down\nSELECT 1;\n"}
    repository.commit(same)
    repository.main_gets(same)
    assert repository.found() == []


def test_a_folder_that_the_branch_does_not_have_is_all_new(repository: Repository) -> None:
    repository.folder = repository.root / "elsewhere"
    repository.folder.mkdir()
    repository.write({"0001_a.sql": UP})
    assert repository.found() == []


def test_a_branch_whose_folder_is_broken_itself_is_told(repository: Repository) -> None:
    repository.main_gets({"0003_twice.sql": UP})
    assert repository.found() == [("error", "broken-reference", str(repository.folder))]


def test_what_git_refuses_is_a_config_error_with_what_to_do(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"'nowhere' is no branch or commit here; in CI, fetch it first"):
        repository.found("nowhere")
    with pytest.raises(ConfigError, match=r"'--output=x' is no branch"):
        repository.found("--output=x")
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit({"0004_b.sql": UP})
    with pytest.raises(ConfigError, match=r"HEAD and 'main' have no common commit here"):
        repository.found()
    elsewhere = tmp_path_factory.mktemp("no_repository")
    (elsewhere / "0001_a.sql").write_text(UP)
    with pytest.raises(ConfigError, match="it is in no repository of git"):
        check(elsewhere, against="main")
    monkeypatch.setenv("PATH", str(elsewhere))
    with pytest.raises(ConfigError, match="there is no git on the path: install it"):
        repository.found()


def test_of_several_folders_each_is_compared_with_itself(repository: Repository) -> None:
    auth, both = repository.root / "auth", "SELECT 1;\n-- trek: down\nSELECT 1;\n"
    auth.mkdir()
    (auth / "0002.5_auth.sql").write_text(both)
    assert check([repository.folder, auth], against="main").findings == ()
    repository.commit({"0002.7_b.sql": both})
    found = check([repository.folder, auth], against="main").findings
    assert [(one.name, one.path) for one in found] == [("out-of-order", f"{repository.folder}/0002.7_b.sql")]
