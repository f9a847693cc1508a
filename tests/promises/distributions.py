"""Throw-away distributions that are really installed: a folder on sys.path with modules and a .dist-info."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def put(site: Path, distribution: str, points: Mapping[str, str], version: str = "1.2", **modules: str) -> None:
    """Writes what an installer would: `points` are the entry points, name -> module."""
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[trek]\n{lines}")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)


@contextlib.contextmanager
def on_path(site: Path) -> Iterator[Path]:
    """The folder's distributions are installed meanwhile, and its modules forgotten afterwards."""
    site.mkdir(exist_ok=True)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield site
    finally:
        sys.path.remove(str(site))
        for path in site.glob("*.py"):
            sys.modules.pop(path.stem, None)
