"""The tree: lists folders once, reads a file once, loads it through its plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trek_core._blame import Offer
from trek_core._tree import FolderTree
from trek_core.contracts import Loader
from trek_core.errors import ConfigError, LoadError, PluginContractError, PluginError
from trek_core.model import Body, Direction, Facts, File, Script


def no_loader(name):
    return None


def loading(load, suffix=".sql"):
    offer = Offer(Loader("sql", (suffix,), load), "mine", "trek-mine 1.0")
    return lambda name: offer if name.endswith(suffix) else None


def write(folder, *names, content=b"x"):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def paths(tree):
    return [file.path for file in tree.files]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --------------------------------------------------------------------------- listing
def test_files_are_listed_recursively_and_sorted_with_forward_slashes(here):
    write(here, "m/0002.sql", "m/0001.sql", "m/b/0004.sql", "m/a/deep/0003.py", "m/a.txt")
    assert paths(FolderTree("m", no_loader)) == ["0001.sql", "0002.sql", "a.txt", "a/deep/0003.py", "b/0004.sql"]


@pytest.mark.parametrize("given", ["m", "./m", "m/", Path("m")])
def test_the_root_is_the_folder_as_the_user_gave_it(here, given):
    write(here, "m/0001.sql")
    (file,) = FolderTree(given, no_loader).files
    assert file == File("0001.sql", str(given).rstrip("/"))
    assert FolderTree(given, no_loader).read(file) == b"x"


def test_hidden_files_caches_and_backups_are_left_out(here):
    write(here, "m/.hidden.sql", "m/.git/x.sql", "m/__pycache__/a.pyc", "m/0001.sql~", "m/0001.sql.swp", "m/0001.sql")
    assert paths(FolderTree("m", no_loader)) == ["0001.sql"]


def test_a_hidden_folder_may_be_the_root(here):
    write(here, ".m/0001.sql")
    assert paths(FolderTree(".m", no_loader)) == ["0001.sql"]


def test_several_folders_are_listed_in_the_order_given(here):
    write(here, "b/0001.sql", "a/0002.sql")
    assert [str(file) for file in FolderTree(["b", Path("a")], no_loader).files] == ["b/0001.sql", "a/0002.sql"]


def test_an_empty_folder_is_an_empty_tree(here):
    (here / "m").mkdir()
    assert FolderTree("m", no_loader).files == ()


def test_a_missing_folder_says_where_it_was_looked_for(here):
    with pytest.raises(ConfigError) as error:
        FolderTree("migrations", no_loader)
    assert str(error.value).startswith(f"no folder 'migrations' here (current directory: {here})")


def test_a_missing_absolute_folder_does_not_mention_the_current_one(here):
    with pytest.raises(ConfigError) as error:
        FolderTree(here / "gone", no_loader)
    assert str(error.value).startswith(f"no folder {str(here / 'gone')!r}:")


def test_a_file_instead_of_a_folder_is_refused(here):
    write(here, "m.sql")
    with pytest.raises(ConfigError, match=r"'m\.sql' is a file, and no zip: give the folder that holds it"):
        FolderTree("m.sql", no_loader)


def test_no_folder_at_all_is_refused():
    with pytest.raises(ConfigError, match="no folder of migrations was given"):
        FolderTree([], no_loader)


def test_a_link_to_a_folder_is_followed(here):
    write(here, "elsewhere/0001.sql", "m/0000.sql")
    (here / "m/linked").symlink_to(here / "elsewhere", target_is_directory=True)
    assert paths(FolderTree("m", no_loader)) == ["0000.sql", "linked/0001.sql"]


@pytest.mark.parametrize("target", ["m", "m/a", "."])
def test_a_link_that_leads_back_up_is_refused_and_not_followed_for_ever(here, target):
    write(here, "m/a/0001.sql")
    (here / "m/a/loop").symlink_to(here / target, target_is_directory=True)
    with pytest.raises(ConfigError, match="loop' is a link to"):
        FolderTree("m", no_loader)


def test_a_broken_link_is_listed_and_fails_when_it_is_read(here):
    (here / "m").mkdir()
    (here / "m/0001.sql").symlink_to(here / "gone")
    tree = FolderTree("m", no_loader)
    with pytest.raises(LoadError, match=r"^m/0001\.sql: it cannot be read: No such file"):
        tree.read(tree.files[0])


def test_a_pipe_among_the_migrations_is_refused_and_not_waited_for(here):
    (here / "m").mkdir()
    os.mkfifo(here / "m/0001.sql")
    with pytest.raises(LoadError, match="neither a file nor a folder"):
        FolderTree("m", no_loader)


def test_a_file_name_that_is_no_utf8_is_refused_with_a_name_that_can_be_printed(here):
    (here / "m").mkdir()
    Path(os.fsdecode(b"m/0001_\xff.sql")).write_bytes(b"")
    with pytest.raises(LoadError, match=r"0001_\\xff\.sql") as error:
        FolderTree("m", no_loader)
    assert str(error.value).encode()


def test_a_unicode_file_name_is_taken(here):
    write(here, "m/0001_größe_表.sql")
    assert paths(FolderTree("m", no_loader)) == ["0001_größe_表.sql"]


def test_listing_ten_thousand_files_asks_the_disk_about_none_of_them(here, monkeypatch):
    write(here, *(f"m/{n % 10}/{n:05}.sql" for n in range(10_000)))
    asked = []
    real = {name: getattr(os, name) for name in ("stat", "lstat", "scandir")}
    for name, function in real.items():
        monkeypatch.setattr(os, name, lambda *a, _n=name, _f=function, **k: (asked.append(_n), _f(*a, **k))[1])
    tree = FolderTree("m", no_loader)
    assert len(tree.files) == 10_000
    assert asked.count("scandir") == 11
    assert len(asked) < 50


# --------------------------------------------------------------------------- reading
def test_a_file_is_read_once(here):
    write(here, "m/0001.sql", content=b"before")
    tree = FolderTree("m", no_loader)
    assert tree.read(tree.files[0]) == b"before"
    write(here, "m/0001.sql", content=b"after")
    assert tree.read(tree.files[0]) == b"before"


def test_nothing_is_read_before_it_is_asked_for(here):
    write(here, "m/0001.sql", content=b"before")
    tree = FolderTree("m", no_loader)
    write(here, "m/0001.sql", content=b"after")
    assert tree.read(tree.files[0]) == b"after"


def test_a_file_that_went_away_is_a_load_error_with_its_path(here):
    write(here, "m/0001.sql")
    tree = FolderTree("m", no_loader)
    (here / "m/0001.sql").unlink()
    with pytest.raises(LoadError) as error:
        tree.read(tree.files[0])
    assert error.value.path == "m/0001.sql"


def test_files_of_one_path_in_two_folders_are_not_mixed_up(here):
    write(here, "a/1.sql", content=b"a")
    write(here, "b/1.sql", content=b"b")
    tree = FolderTree(["a", "b"], no_loader)
    assert [tree.read(file) for file in tree.files] == [b"a", b"b"]


def test_what_was_read_once_is_kept(here):
    write(here, "m/1.sql", content=b"before")
    tree = FolderTree("m", no_loader, Facts(database="shop"))
    tree.read(tree.files[0])
    write(here, "m/1.sql", content=b"after")
    assert tree.read(tree.files[0]) == b"before"
    assert tree.facts == Facts(database="shop")


# --------------------------------------------------------------------------- loading
def test_a_loader_is_given_the_file_its_bytes_and_the_direction(here):
    write(here, "m/1.sql", content=b"bytes")
    seen, script = [], Script(up=None)

    def load(source):
        seen.append(source)
        return script

    tree = FolderTree("m", loading(load))
    assert tree.load(tree.files[0], Direction.down) is script
    assert tree.load(tree.files[0]) is script
    assert [(s.file, s.content, s.direction) for s in seen] == [
        (tree.files[0], b"bytes", Direction.down),
        (tree.files[0], b"bytes", None),
    ]


def test_the_suffix_is_the_longest_of_the_loader_that_fits_and_empty_without_a_loader(here):
    write(here, "m/1.sql.tmpl", "m/2.tmpl", "m/3.txt", "m/4.down.sql.tmpl", "m/a.sql.tmpl/5.x.tmpl")
    offer = Offer(Loader("tmpl", (".tmpl", ".sql.tmpl", ".other"), lambda source: Script(up=None)), "mine", "")
    tree = FolderTree("m", lambda name: offer if name.endswith(".tmpl") else None)
    assert [tree.suffix(file) for file in tree.files] == [".sql.tmpl", ".tmpl", "", ".sql.tmpl", ".tmpl"]


def test_a_file_that_no_loader_takes_lists_the_suffixes_on_offer(here):
    write(here, "m/1.txt")
    tree = FolderTree("m", no_loader, suffixes=(".py", ".sql"))
    with pytest.raises(LoadError) as error:
        tree.load(tree.files[0])
    assert str(error.value) == (
        "m/1.txt: no loader takes a file of this kind\n"
        "Suffixes that a loader takes: .py, .sql. Rename the file, or install a plugin that loads it."
    )


def test_a_load_error_of_a_loader_is_passed_on(here):
    write(here, "m/1.sql")
    wrong = LoadError("m/1.sql", 3, "bad")

    def load(source):
        raise wrong

    tree = FolderTree("m", loading(load))
    with pytest.raises(LoadError) as error:
        tree.load(tree.files[0])
    assert error.value is wrong


@pytest.mark.parametrize("raised", [KeyError("x"), ConfigError("x"), PluginError("p", "", "w", "x")])
def test_anything_else_that_a_loader_raises_is_blamed_on_its_plugin(here, raised):
    write(here, "m/1.sql")

    def load(source):
        raise raised

    tree = FolderTree("m", loading(load))
    with pytest.raises(PluginError) as error:
        tree.load(tree.files[0])
    assert str(error.value).startswith(
        f"plugin 'mine' (trek-mine 1.0): loader sql: loading m/1.sql: raised {type(raised).__name__}"
    )
    assert error.value.__cause__ is raised


async def async_load(source):
    return Script(up=None)


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        (lambda source: None, "gave None, want Script"),
        (lambda source: Script, "gave the class Script, want an instance"),
        (async_load, "gave a coroutine, want Script"),
    ],
)
def test_a_loader_that_gives_no_script_breaks_its_contract(here, load, problem):
    write(here, "m/1.sql")
    tree = FolderTree("m", loading(load))
    with pytest.raises(PluginContractError, match=problem):
        tree.load(tree.files[0])


@pytest.mark.parametrize("script", [Script(up="SELECT 1"), Script(up=None, down=Body("SELECT 1"))])
def test_a_script_without_bodies_of_statements_is_the_loaders_fault(here, script):
    write(here, "m/1.sql")
    tree = FolderTree("m", lambda name: Offer(Loader("odd", (".sql",), lambda source: script), "oddity", "odd 1.0"))
    with pytest.raises(PluginContractError, match=r"oddity.*want") as raised:
        tree.load(tree.files[0])
    assert raised.value.plugin == "oddity"
