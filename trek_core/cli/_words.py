"""What click cannot parse: a target that begins with a dash, and an option whose value may be left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

EMBEDDED_FOLDER = ".trek/postgres"
_STEPS_BACK = re.compile(r"-[0-9]+")
_VALUED = frozenset(
    (
        *(
            "--database",
            "--dir",
            "--dsn",
            "--expect-database",
            "--format",
            "--from",
            "--lock-wait",
            "--no-plugin",
            "--to",
        ),
        *("--limit", "-n", "--wait", "--template", "--against", "--title"),
    )
)


def understood(words: Sequence[str]) -> list[str]:
    """The command line in words that click takes: `-1` behind a `--`, and `--embedded` always with its folder."""
    own, rest = _split(words)
    options: list[str] = []
    targets: list[str] = []
    for word in own:
        before = options[-1] if options else ""
        if before in _VALUED:
            options.append(word)
        elif before == "--embedded" and _is_path(word):
            options[-1] = f"--embedded={word}"
        else:
            (targets if _STEPS_BACK.fullmatch(word) else options).append(word)
    named = [f"--embedded={EMBEDDED_FOLDER}" if word == "--embedded" else word for word in options]
    return [*named, "--", *targets, *rest] if targets or rest else named


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _is_path(word: str) -> bool:
    """`--embedded head` asks for the revision head, `--embedded ./head` for a folder."""
    return "/" in word or "\\" in word or word.startswith((".", "~"))
