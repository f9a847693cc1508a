"""`--embedded` brings a server, and keeps its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project


@pytest.mark.parametrize(("words", "folder"), [(["--embedded"], ".trek/postgres"), (["--embedded", "./pg"], "pg")])
def test_a_server_of_its_own_keeps_what_was_migrated(
    offline: Project, pg_bindir: Path | None, words: list[str], folder: str
) -> None:
    if pg_bindir is not None:
        offline.environ["TREK_PG_BIN"] = str(pg_bindir)
    offline.write(THREE)
    first = offline.run("migrate", *words, "head")
    assert (first.code, first.err) == (0, "")
    assert (offline.folder / folder).is_dir()
    assert offline.run("migrate", *words).out == "up to date at 0003\n"
