"""A folder as a catalog, without a database."""

from __future__ import annotations

from trek_core._blame import Offer
from trek_core._catalog import EntryCatalog, arrange, build, smell
from trek_core._host import PluginHost
from trek_core._scripts import Folders
from trek_core._tree import FolderTree, shown
from trek_core.contracts import Layout
from trek_core.errors import ConfigError


def catalog_of(directory: Folders, host: PluginHost, layout: Offer[Layout]) -> tuple[FolderTree, EntryCatalog]:
    """Raises `ConfigError` for no folder, an empty one or another tool's, `LoadError`; `PlanError` without an order."""
    tree = FolderTree(directory, host.loader_for, suffixes=host.suffixes())
    if found := smell(layout, tree):
        msg = (
            f"the folder {shown(directory)} {found}.\n"
            "Name its format: --format, or format in [tool.trek]; `trek adopt` says which it is."
        )
        raise ConfigError(msg)
    catalog = build(arrange(layout, tree))
    if not catalog.entries:
        question = "Is it the right folder? `trek new TITLE` writes a first migration."
        msg = f"there is no migration in {shown(directory)}.\n{question}"
        raise ConfigError(msg)
    return tree, catalog
