"""Entry points are found without importlib.metadata, and the same are found as with it."""

import importlib.metadata
import zipfile

import pytest

from trek_core._entry_points import entry_points


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(folder, name="trek-mine", version="1.0", points="mine = mine_trek"):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: a body\n")
    (info / "entry_points.txt").write_text(
        f"[console_scripts]\nx = y:z\n\n[trek]\n# a comment\n{points}\n[other]\na = b\n"
    )


def told(points):
    return sorted((point.name, point.value, point.dist.name, point.dist.version) for point in points)


def found():
    return sorted((point.name, point.value, point.project, point.version) for point in entry_points("trek"))


def test_they_are_those_of_the_library(site):
    install(site)
    assert ("mine", "mine_trek", "trek-mine", "1.0") in found()
    assert found() == told(importlib.metadata.entry_points(group="trek"))


def test_of_two_distributions_of_one_name_the_first_on_the_path_counts(site, tmp_path_factory, monkeypatch):
    install(site)
    nearer = tmp_path_factory.mktemp("nearer")
    install(nearer, version="2.0", points="newer = newer_trek")
    monkeypatch.syspath_prepend(str(nearer))
    assert [point for point in found() if point[2] == "trek-mine"] == [("newer", "newer_trek", "trek-mine", "2.0")]
    assert found() == told(importlib.metadata.entry_points(group="trek"))


def test_a_source_tree_that_setuptools_installed_to_be_edited_is_one_distribution(site, tmp_path_factory, monkeypatch):
    install(site)
    source = tmp_path_factory.mktemp("src")  # on the path, with what the build left beside the module
    install(source)
    (source / "trek_mine-1.0.dist-info" / "METADATA").rename(source / "trek_mine-1.0.dist-info" / "PKG-INFO")
    (source / "trek_mine-1.0.dist-info").rename(source / "trek_mine.egg-info")
    monkeypatch.syspath_prepend(str(source))
    assert [point for point in found() if point[2] == "trek-mine"] == [("mine", "mine_trek", "trek-mine", "1.0")]
    assert found() == told(importlib.metadata.entry_points(group="trek"))


def test_a_zip_on_the_path_is_left_to_the_library(site, monkeypatch):
    install(site / "folder")
    with zipfile.ZipFile(site / "plugins.zip", "w") as archive:
        for file in (site / "folder").rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(site / "folder"))
    monkeypatch.syspath_prepend(str(site / "plugins.zip"))
    assert ("mine", "mine_trek", "trek-mine", "1.0") in found()


def test_an_object_in_a_module_is_loaded(site):
    install(site, points="mine = mine_trek_module : plugin.name")
    (site / "mine_trek_module.py").write_text("class plugin:\n    name = 7\n")
    (point,) = (point for point in entry_points("trek") if point.name == "mine")
    assert point.load() == 7


def test_a_folder_that_is_gone_is_none(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site / "nowhere"))
    assert found() == told(importlib.metadata.entry_points(group="trek"))
