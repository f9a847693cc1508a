"""PostgreSQL's programs beside the tests' server: psql, pg_dump."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from trek_asyncpg.embedded._binaries import find_binaries, installed

if TYPE_CHECKING:
    from pathlib import Path


def program(name: str, bindir: Path | None) -> str:
    """The program beside the server's, else of an installation, else on the path; without one the test is skipped."""
    folders = [bindir or find_binaries(), *installed()]
    found = next((str(folder / name) for folder in folders if os.access(folder / name, os.X_OK)), shutil.which(name))
    return found or pytest.skip(f"no {name} beside the server's programs, in an installation, or on the path")
