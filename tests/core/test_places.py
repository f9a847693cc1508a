"""Where migrations lie that lie in no plain folder: in a package, in a zip, in both."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from trek_core._host import PluginHost
from trek_core._places import folder_of
from trek_core._tree import FolderTree, shown
from trek_core.errors import ConfigError, LoadError
from trek_core.model import File, Piece

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "trek_places_shop"
ROOT = f"package:{NAME}.migrations"
USERS = {"0001_users.sql": "CREATE TABLE users ();", "sub/0002_more.sql": "SELECT 2;"}
INIT = "raise RuntimeError('nobody asked for an import')\n"


def no_loader(_name: str) -> None:
    return None


def tree(*roots: str) -> FolderTree:
    return FolderTree(roots, no_loader)


def contents(*roots: str) -> dict[str, str]:
    found = tree(*roots)
    return {str(file): found.read(file).decode() for file in found.files}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def zip_of(path: Path, files: Mapping[str, str], below: str = "") -> Path:
    """Without entries for folders, as some tools write it."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{below}{name}", content)
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path. The current folder is another one."""
    for name in ("site", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def package(site: Path) -> Path:
    folder = site / NAME / "migrations"
    write(folder, {**USERS, "__pycache__/x.pyc": "", ".hidden.sql": "", "0003.sql~": ""})
    write(site / NAME, {"__init__.py": INIT, "migrations/__init__.py": INIT})
    return folder


def refused(*roots: str) -> str:
    with pytest.raises(ConfigError) as error:
        tree(*roots)
    return str(error.value)


# --------------------------------------------------------------------------- packages
def in_package(root: str = ROOT) -> dict[str, str]:
    return {f"{root}/{name}": content for name, content in USERS.items()}


def test_a_package_is_listed_under_its_name_and_nothing_of_it_is_imported(package: Path) -> None:
    assert contents(ROOT) == in_package() | {f"{ROOT}/__init__.py": INIT}
    assert not any(name.startswith(NAME) for name in sys.modules)
    assert tree(ROOT).files[0] == File("0001_users.sql", ROOT)
    assert folder_of(ROOT) == str(package)


def test_a_package_without_init_is_one_too_and_so_is_what_lies_around_it(site: Path) -> None:
    write(site / "trek_places_corp/shop/db/migrations", USERS)
    root = "package:trek_places_corp.shop.db.migrations"
    assert contents(root) == in_package(root)


def test_a_namespace_package_is_all_of_its_folders(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path / "other")
    write(site / NAME / "migrations", {"0001_a.sql": "a"})
    write(tmp_path / "other" / NAME / "migrations", {"0002_b.sql": "b"})
    assert contents(ROOT) == {f"{ROOT}/0001_a.sql": "a", f"{ROOT}/0002_b.sql": "b"}
    with pytest.raises(ConfigError, match="lies in several folders, and files are written into one"):
        folder_of(ROOT)
    write(site / NAME / "migrations", {"0002_b.sql": "again"})
    assert refused(ROOT).startswith(f"{ROOT}: 0002_b.sql is there twice, as {tmp_path}")


def test_a_package_that_is_imported_lies_where_it_says(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(package.parent.parent / "elsewhere/migrations", {"0009_x.sql": "x"})
    monkeypatch.setitem(sys.modules, NAME, type(sys)(NAME))
    monkeypatch.setattr(sys.modules[NAME], "__path__", [str(package.parent.parent / "elsewhere")], raising=False)
    assert contents(ROOT) == {f"{ROOT}/0009_x.sql": "x"}


def test_the_finder_of_an_editable_install_is_asked(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "src/migrations", USERS)

    class Finder:
        @staticmethod
        def find_spec(name: str, _path: object = None, _target: object = None) -> importlib.machinery.ModuleSpec | None:
            if name != NAME:
                return None
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(tmp_path / "src")]
            return spec

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert contents(ROOT) == in_package()


@pytest.mark.parametrize("below", [f"{NAME}/migrations/", "zipped/here/"])
def test_a_package_in_a_zip_on_the_path_is_read_from_there(
    site: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    inits = {f"{NAME}/__init__.py": INIT, f"{NAME}/migrations/__init__.py": INIT, "0004.sql~": "", "__pycache__/x": ""}
    app = zip_of(site / "app.zip", {**{f"{NAME}/migrations/{k}": v for k, v in USERS.items()}, **inits})
    if below == "zipped/here/":
        with ZipFile(app) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
        monkeypatch.syspath_prepend(f"{zip_of(app, files, below)}/zipped/here")
    else:
        monkeypatch.syspath_prepend(app)
    assert contents(ROOT) == in_package() | {f"{ROOT}/__init__.py": INIT}
    with pytest.raises(ConfigError, match=r"lies in the zip .*app\.zip/.*migrations, and files are written into one"):
        folder_of(ROOT)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (
            "package:trek_places_gone.migrations",
            "no package 'trek_places_gone': it is not installed in this environment",
        ),
        (
            f"package:{NAME}.migratons",
            f"the package '{NAME}' has no 'migratons'. Did you mean 'migrations'? It lies in",
        ),
        (f"package:{NAME}.migrations.__init__", "is a module and no package"),
        ("package:", "names no package: write package: and its name with dots"),
        ("package:../migrations", "names no package"),
        (f"package:{NAME}..migrations", "names no package"),
    ],
)
@pytest.mark.usefixtures("package")
def test_a_package_that_is_not_there_is_refused_with_what_there_is(root: str, message: str) -> None:
    assert message in refused(root)


# --------------------------------------------------------------------------- zips
@pytest.fixture
def zipped(site: Path) -> str:
    return os.path.relpath(zip_of(site / "m.zip", USERS))


def test_a_zip_is_listed_as_a_folder_is(zipped: str) -> None:
    assert contents(zipped) == {f"{zipped}/{name}": content for name, content in USERS.items()}
    assert contents(f"{zipped}/sub/") == {f"{zipped}/sub/0002_more.sql": "SELECT 2;"}


def test_a_folder_that_a_zip_does_not_have_is_refused(zipped: str) -> None:
    assert refused(f"{zipped}/db") == f"no folder 'db' in the zip {zipped!r}. At its top it has: 0001_users.sql, sub"


def test_a_zip_that_is_replaced_or_broken_meanwhile_is_noticed(zipped: str, site: Path) -> None:
    found = tree(zipped)
    zip_of(site / "new.zip", {"0001_users.sql": "other"}).replace(site / "m.zip")
    assert found.read(found.files[0]) == b"CREATE TABLE users ();"
    content = bytearray((site / "m.zip").read_bytes())
    content[content.index(b"0001_users.sql") + 14] ^= 0xFF
    (site / "m.zip").write_bytes(content)
    broken = tree(zipped)
    with pytest.raises(LoadError, match=r"m\.zip/0001_users\.sql: it cannot be read from the zip .*m\.zip: "):
        broken.read(broken.files[0])


def test_a_big_file_of_a_zip_is_read_in_pieces_as_one_of_a_folder_is(site: Path) -> None:
    text = "INSERT INTO t VALUES (1, 'x');\n" * 150_000
    zip_of(site / "m.zip", {"0001_big.sql": text})
    write(site / "m", {"0001_big.sql": text})
    host = PluginHost()
    texts = []
    for root in (site / "m.zip", site / "m"):
        found = FolderTree(root, host.loader_for)
        (file,) = found.files
        assert found.big(file)
        body = found.load(file).up
        assert body is not None
        pieces = [one for one in body.statements if isinstance(one, Piece)]
        del found
        texts.append([piece.read() for piece in pieces])
    assert texts[0] == texts[1]
    assert len(texts[0]) > 5


# --------------------------------------------------------------------------- several
def test_several_places_stand_in_the_order_given_each_under_its_name(package: Path, zipped: str) -> None:
    write(package.parent.parent / "plain", {"0007_x.sql": "x"})
    plain = os.path.relpath(package.parent.parent / "plain")
    found = [str(file) for file in tree(zipped, ROOT, plain).files if file.name != "__init__.py"]
    roots = [root for root in (zipped, ROOT) for _ in USERS]
    assert found == [f"{root}/{name}" for root, name in zip(roots, [*USERS] * 2, strict=True)] + [f"{plain}/0007_x.sql"]
    assert shown((ROOT, plain)) == f"'{ROOT}' and '{plain}'"


@pytest.mark.parametrize("again", ["m", "./m", "m/../m"])
def test_a_folder_that_is_given_twice_is_refused(site: Path, again: str) -> None:
    write(site.parent / "here/m", USERS)
    assert refused("m", again).startswith("the folder 'm' is given twice")
