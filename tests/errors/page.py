"""docs/errors.md: prose by hand, and between it one block for each message, which tests write and hold."""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
BLOCK = re.compile(r"<!-- message: (?P<name>[a-z0-9-]+) -->\n```text\n(?P<text>.*?)\n?```\n", re.DOTALL)
WRITES = "TREK_WRITE_ERRORS"


def blocks() -> dict[str, str]:
    """Name -> message as the page shows it."""
    return {found["name"]: found["text"] for found in BLOCK.finditer(PAGE.read_text())}


def names() -> list[str]:
    return [found["name"] for found in BLOCK.finditer(PAGE.read_text())]


def hold(name: str, message: str) -> None:
    """Fails unless the page shows exactly this message; writes it there if the environment says so."""
    if os.environ.get(WRITES, "") not in ("", "0"):
        _write(name, message)
    shown = blocks()
    assert name in shown, f"docs/errors.md has no block <!-- message: {name} -->: add heading, cause, block and cure"
    assert shown[name] == message, "docs/errors.md shows another message: python -m tests.errors.write"


def _write(name: str, message: str) -> None:
    assert "PYTEST_XDIST_WORKER" not in os.environ, "several processes would write one page: without -n"

    def replaced(found: re.Match[str]) -> str:
        if found["name"] != name:
            return found[0]
        return f"<!-- message: {name} -->\n```text\n{message}\n```\n"

    PAGE.write_text(BLOCK.sub(replaced, PAGE.read_text()))
