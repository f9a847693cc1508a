from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.embedded.processes import Owner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet, and so are its parents."""
    return tmp_path / "project" / ".trek" / "postgres"


@pytest.fixture
def owned() -> Iterator[list[Owner]]:
    """Owners to be killed when the test fails."""
    owners: list[Owner] = []
    yield owners
    for each in owners:
        each.process.kill()
        each.process.wait()
