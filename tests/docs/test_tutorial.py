"""The tutorial, typed as it stands in an empty folder: `pip` takes the wheel of this tree, all else is as a reader has it.

`TREK_TUTORIAL_TRANSCRIPT=FILE` writes what was typed and said into the file, each step with the seconds since the beginning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.sessions import Shell, environment, perform
from tests.docs.test_wheel import PIP, registry, run

__all__ = ["registry"]


@pytest.mark.usefixtures("registry")
def test_from_an_empty_folder_to_production_as_the_tutorial_says(tmp_path: Path) -> None:
    run(*PIP, "wheel", "--no-deps", "-w", str(tmp_path / "dist"), str(ROOT))
    (tmp_path / "you").mkdir()
    environ = environment(
        PIP_FIND_LINKS=str(tmp_path / "dist"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_ROOT_USER_ACTION="ignore",
        PIP_QUIET="1",
        PIP_NO_COMPILE="1",
    )
    with Shell(tmp_path / "you", environ, {}) as shell:
        perform(ROOT / "docs/tutorial.md", shell, write=bool(os.environ.get("TREK_WRITE_SESSIONS")))
    if path := os.environ.get("TREK_TUTORIAL_TRANSCRIPT"):
        Path(path).write_text("\n".join(shell.transcript), encoding="utf-8")
