"""The examples of the plugin pages as distributions that pip would have made."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tests.docs.pages import blocks
from tests.docs.plugin_pages import EXAMPLES, Example

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def installed(site: Path, examples: Iterable[Example] = EXAMPLES, **instead: str) -> None:
    """Writes modules and entry points, a distribution "shop-NAME 1.2" each; `instead`: another text of a module."""
    site.mkdir(exist_ok=True)
    for example in examples:
        (site / f"{example.module}.py").write_text(instead.get(example.module, example.text))
        distribution(site, example.module.replace("_", "-"), points(example))


def distribution(site: Path, name: str, entry_points: Mapping[str, str], version: str = "1.2") -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[trek]\n{lines}")


def points(example: Example) -> dict[str, str]:
    """The entry points of the example's page."""
    (found,) = [one.text for one in blocks("toml", example.page) if "entry-points" in one.text]
    return dict(tomllib.loads(found)["project"]["entry-points"]["trek"])
