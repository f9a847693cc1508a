"""The project's pages, and what stands in them."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples/shop/migrations"
_FENCE = re.compile(r"^```([\w-]*)(?: title=\"[^\"]+\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    """README and every page below docs, by name."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", read(page))


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the `number`-th of its language on its page, from 1."""

    page: str
    language: str
    number: int
    text: str

    @property
    def place(self) -> tuple[str, int]:
        return self.page, self.number


def every_block(*names: str) -> list[Block]:
    """The fenced blocks of these pages, or of all."""
    found = []
    for page in names or pages():
        numbers = Counter[str]()
        for match in _FENCE.finditer(read(page)):
            numbers[match[1]] += 1
            found.append(Block(page, match[1], numbers[match[1]], match[2]))
    return found


def blocks(language: str, *names: str) -> list[Block]:
    """The blocks of a language ("" for none) on these pages, or on all."""
    return [found for found in every_block(*names) if found.language == language]


def block(language: str, page: str, number: int) -> str:
    return next(found.text for found in blocks(language, page) if found.number == number)


async def execute(text: str, place: object, **names: Any) -> dict[str, Any]:
    """Runs a block with these names; what it awaits at the top is awaited. Gives what it has defined."""
    code = compile(text, f"<{place}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, names)
    if inspect.isawaitable(waiting):
        await waiting
    return names


def module(name: str, text: str) -> ModuleType:
    """A block as an importable module of that name."""
    made = sys.modules[name] = ModuleType(name)  # dataclasses look there for a class's module
    exec(compile(text, f"<{name}>", "exec"), made.__dict__)
    return made
