"""The navigation: mkdocs.yml says where everything has its place; each folder's pages are listed as they are found."""

from __future__ import annotations

from website.reference import DOORS
from website.stage import ROOT, place_of

DOCS = ROOT / "docs"
LANDING = "README.md"


def filled(config: str) -> str:
    """The configuration with the pages in place of its marks. A page that it does not name is a topic."""
    for folder in ("adopt", "plugins"):
        config = config.replace(f"@{folder.upper()}@", _lines(_below(folder)))
    config = config.replace("@REFERENCE@", _lines([f"{door}: reference/{door}.md" for door in DOORS], deep=10))
    config = config.replace("@ROOT@", str(ROOT))
    topics = sorted(path.name for path in DOCS.glob("*.md"))
    return config.replace("@TOPICS@", _lines([name for name in topics if f" {name}\n" not in config]))


def unlisted(config: str) -> list[str]:
    """The pages that the filled configuration does not list."""
    pages = (place_of(str(path.relative_to(ROOT))) for path in DOCS.rglob("*.md"))
    return [page for page in pages if f" {page}\n" not in config]


def _below(folder: str) -> list[str]:
    """The landing page first."""
    names = sorted(path.name for path in (DOCS / folder).glob("*.md"))
    return [f"{folder}/{name}" for name in sorted(names, key=lambda name: name != LANDING)]


def _lines(pages: list[str], deep: int = 6) -> str:
    return "\n".join(f"{' ' * deep}- {page}" for page in pages)
