"""Layouts and stores of the formats as their registration offers them, for the kits and for tests of one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trek_core.plugin import PluginHost
from trek_core.testing import MemoryTree
from trek_loaders import formats, python, sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_asyncpg.testing import Server
    from trek_core.plugin import Layout, Script, VersionStore

HOST = PluginHost([formats], entry_points=False)


class OnTheRunsServer:
    """Each test of a kit, on each version of PostgreSQL that TREK_TEST_PG names."""

    @pytest.fixture(autouse=True)
    def _on(self, server: Server) -> None:
        self.server = server


def make_layout(name: str, **settings: Any) -> Layout:
    return HOST.layout(name, settings).value


def make_store(name: str, **settings: Any) -> VersionStore:
    return HOST.store(name, settings).value


def load(name: str, files: Mapping[str, str], **settings: Any) -> Script:
    """The script of the last entry of a folder."""
    tree = MemoryTree(files, [*sql.trek_register_loaders(), *python.trek_register_loaders()])
    return make_layout(name, **settings).arrange(tree).entries[-1].load(tree)
