"""How the reference reads the code: what only trek's own classes and docstrings have."""

from __future__ import annotations

import re
from typing import Any

import griffe

OURS = "trek_core._dataclass.dataclass"
"""Makes what the library's own makes, sooner."""


class Trek(griffe.Extension):
    """Fields of dataclasses as parameters, and "name: text. name: text." of a docstring as a list."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        for decorator in cls.decorators:
            called = getattr(decorator.value, "function", decorator.value)
            if decorator.callable_path == OURS and isinstance(called, griffe.ExprName):
                called.name, called.parent = "dataclasses.dataclass", None

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        self._walk(pkg)

    def _walk(self, parent: griffe.Module | griffe.Class) -> None:
        for member in parent.members.values():
            if member.is_alias:
                continue
            if isinstance(member, griffe.Module | griffe.Class):
                self._walk(member)
            if member.docstring and isinstance(member, griffe.Class | griffe.Function):
                member.docstring.value = listed(member.docstring.value, _names(member))


def _names(of: griffe.Class | griffe.Function) -> set[str]:
    return {parameter.name for parameter in of.parameters} | ({*of.members} if isinstance(of, griffe.Class) else set())


def listed(text: str, names: set[str]) -> str:
    """The docstring with an item for each name that a paragraph explains."""
    return "\n\n".join(_paragraph(part, names) for part in text.split("\n\n"))


def _paragraph(text: str, names: set[str]) -> str:
    known = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    name = rf"(?:{known})(?:(?:, | and )(?:{known}))*: "
    items = re.sub(
        rf"(?:^|(?<=[.;)]) *\n|(?<=[.;]) )({name})", lambda found: f"\n\n* `{found[1][:-2]}`: ", text
    ).strip()
    # what follows the last one on a line of its own is about all
    return items if items == text else re.sub(r"(?<=\.)\n(?=[A-Z])", "\n\n", items)
