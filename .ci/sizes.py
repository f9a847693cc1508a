"""Prints the longest modules and functions of the packages, and fails above the limits of the house (300 and 40 lines)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

LIMITS = {"module": 300, "function": 40}


def measure() -> dict[str, list[tuple[int, str]]]:
    """Lines of each module and each function, longest first."""
    found: dict[str, list[tuple[int, str]]] = {"module": [], "function": []}
    for path in Path().glob("trek_*/**/*.py"):
        text = path.read_text()
        found["module"].append((text.count("\n"), str(path)))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                found["function"].append((node.end_lineno - node.lineno + 1, f"{path}:{node.lineno} {node.name}"))
    return {kind: sorted(sizes, reverse=True) for kind, sizes in found.items()}


def main() -> int:
    """The process's exit code."""
    too_long = False
    for kind, sizes in measure().items():
        middle = sizes[len(sizes) // 2][0]
        print(f"{len(sizes)} {kind}s, median {middle} lines; longest:")
        for lines, name in sizes[:3]:
            print(f"  {lines:4} {name}")
        too_long |= sizes[0][0] > LIMITS[kind]
    return int(too_long)


if __name__ == "__main__":
    sys.exit(main())
