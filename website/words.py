"""Words of code in a line of text or a cell stay whole: a browser breaks `--sql` behind each of its dashes."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST = 24
"""Characters of a word that is kept whole; a longer one may be broken, so that no column gets too wide."""
_CODE = re.compile(r"<pre\b.*?</pre>|<code>([^<]*)</code>", re.DOTALL)
_WORD = re.compile(rf"(?<!\S)\S{{2,{LONGEST}}}(?!\S)")


def keep_whole(site: Path) -> None:
    """Marks them in every page; `extra.css` says what the mark means."""
    for page in site.rglob("*.html"):
        page.write_text(_CODE.sub(_code, page.read_text(encoding="utf-8")), encoding="utf-8")


def _code(found: re.Match[str]) -> str:
    text = found[1]
    words = None if text is None else _WORD.sub(r"<span>\g<0></span>", text)
    return found[0] if words is None else f"<code>{words}</code>"
