"""A library prints nothing, ends no process and sets up nobody's logging: only the command does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("trek_core/cli/", "trek_asyncpg/embedded/_supervisor.py")
"""What runs as a process of its own."""
FORBIDDEN = (
    *("print", "input", "exit", "quit", "sys.exit", "os._exit", "os.abort"),
    *("logging.basicConfig", "logging.disable", "logging.captureWarnings", "logging.config"),
    *("signal.signal", "asyncio.run", "asyncio.set_event_loop", "asyncio.set_event_loop_policy"),
)


def modules() -> list[Path]:
    found = [path for package in ROOT.glob("trek_*") if package.is_dir() for path in package.rglob("*.py")]
    return [path for path in found if not str(path.relative_to(ROOT)).startswith(PROGRAMS)]


def calls(text: str) -> list[str]:
    """What is called or taken by one of these names."""
    names = (ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name | ast.Attribute))
    return [name for name in names if name in FORBIDDEN]


@pytest.mark.parametrize("text", ["print('x')", "import sys; sys.exit(1)", "f = print", "logging.basicConfig()"])
def test_what_is_forbidden_is_found(text: str) -> None:
    assert calls(text)


def test_no_module_of_the_library_does_it() -> None:
    assert len(modules()) > 150
    assert {str(path): found for path in modules() if (found := calls(path.read_text(encoding="utf-8")))} == {}
