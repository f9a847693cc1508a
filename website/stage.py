"""The pages as the site's builder wants them: one folder, and every link a link within it.

The pages are read on GitHub too, so they lie where they belong and link to one another relatively: README at the top, what it
names below docs, benchmarks, examples or tests. Here each gets its place in the site, and the links follow.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
HOME = "README.md"
NAMED = {HOME: "index.md", "CHANGELOG.md": "changelog.md", "benchmarks/RESULTS.md": "benchmarks.md"}
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_LIST = re.compile(r"^(?![*\-|>#\s]|\d+\.)(.+)\n(?=[*\-] |\d+\. )", re.MULTILINE)


@dataclass(slots=True)
class Stage:
    """What was put into the folder, and what waits to be."""

    folder: Path
    waiting: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def run(self) -> None:
        """README, CHANGELOG, every page below docs, and whatever they link to."""
        self.waiting = [*NAMED, *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md")))]
        while self.waiting:
            name = self.waiting.pop()
            if name not in self.done:
                self.done.add(name)
                self._put(name)

    def _put(self, name: str) -> None:
        place = self.folder / place_of(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            place.write_text(self._page(name), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, place)

    def _page(self, name: str) -> str:
        """Its text, with its links as they are in the site; fenced blocks as they are."""
        parts = _FENCE.split((ROOT / name).read_text(encoding="utf-8"))
        return "".join(part if part.startswith("```") else self._prose(name, part) for part in parts)

    def _prose(self, name: str, text: str) -> str:
        text = _LIST.sub(r"\1\n\n", text)  # GitHub begins a list right below a line of text, Python-Markdown does not
        # twice: a picture may be the text of a link
        return _LINK.sub(lambda found: self._link(name, found), _LINK.sub(lambda found: self._link(name, found), text))

    def _link(self, name: str, found: re.Match[str]) -> str:
        before, link, heading, after = found.groups()
        if re.match(r"[a-z]+:", link):
            return found[0]
        target = os.path.normpath(PurePosixPath(name).parent / link)
        if not (ROOT / target).is_file():
            return found[0]  # rewritten before, or a folder: the builder refuses what leads nowhere
        self.waiting.append(target)
        there = os.path.relpath(place_of(target), PurePosixPath(place_of(name)).parent)
        return f"{before}{there}{heading or ''}{after}"


def place_of(name: str) -> str:
    """Where a file of the repository lies in the site."""
    if name in NAMED:
        return NAMED[name]
    return name.removeprefix("docs/") if name.startswith("docs/") else f"more/{name}"
