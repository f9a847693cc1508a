"""The server that our own tests run on: what `trek_asyncpg.testing` finds, or the versions of TREK_TEST_PG."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support import versions
from trek_asyncpg.testing import NoServer, Server
from trek_asyncpg.testing import _chain as chain

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path


def chosen_bindir(version: int | None) -> Path | None:
    """The programs for a server of our own; None: those that EmbeddedServer finds."""
    return None if version is None else versions.bindir(version)


def start(provider: str, version: int | None, stack: ExitStack) -> Server:
    """Start a server that ends with the stack. Raises NoServer."""
    if version is None:
        return chain.start(provider, stack)
    if provider != "auto" or os.environ.get("TREK_TEST_DSN"):
        msg = "TREK_TEST_PG brings its own servers: set it without TREK_TEST_DSN and --pg-provider"
        raise NoServer(msg)
    try:
        return chain.own(f"PostgreSQL {version}", versions.bindir(version), stack)
    except versions.Unavailable as error:
        raise NoServer(str(error)) from error
