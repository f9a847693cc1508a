"""`atlas.sum`: a hash of all files up to each, and one of them all."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_core.plugin import File, Tree

SUM_FILE = "atlas.sum"
_IGNORE = re.compile(rb"[ -~]*atlas:sum +ignore\r?(?:\n|\Z)")
_HASHED = "h1:"


def sums(files: Sequence[File], tree: Tree) -> dict[str, str]:
    """Name -> hash in base64, of each file that counts: of its name and content, and of all before it."""
    state, found = sha256(), dict[str, str]()
    for file in files:
        content = tree.read(file)
        state.update(file.name.encode())
        if not _IGNORE.match(content):
            state.update(content)
            found[file.name] = _told(state.digest())
    return found


def total(found: Mapping[str, str]) -> str:
    """The first line's hash."""
    return _told(sha256("".join(name + sum_ for name, sum_ in found.items()).encode()).digest())


def _told(digest: bytes) -> str:
    return b64encode(digest).decode()


def verify(text: str, where: str, found: Mapping[str, str]) -> None:
    """Raises `LoadError` that names the first file which is not as `atlas.sum` has it."""
    first, *rest = text.splitlines() or [""]
    written = dict(_line(line, number, where) for number, line in enumerate(rest, 2) if line)
    for number, (kept, there) in enumerate(zip_longest(written, found), 2):
        if problem := _difference(kept, there, written, found):
            raise _mismatch(where, number, problem)
    if first != _HASHED + total(found):
        raise _mismatch(where, 1, f"the hash of all files is {_HASHED}{total(found)}, here it is {first}")


def _difference(kept: str | None, there: str | None, written: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What is wrong with a line of the file, and with the file that should be in that place. Or nothing."""
    if there is not None and there not in written:
        return f"{there} was added"
    if kept is None or kept not in found:
        return f"{kept} is gone"
    if kept != there:
        return f"{kept} comes before {there} here, and after it by name"
    same = written[kept] == found[kept]
    return "" if same else f"{kept} was edited: the hash up to it is h1:{found[kept]}, here it is h1:{written[kept]}"


def _line(line: str, number: int, where: str) -> tuple[str, str]:
    name, space, sum_ = line.partition(f" {_HASHED}")
    if not space:
        raise LoadError(
            where, number, f"no line of a file and its hash: {line[:80]!r}", "Restore it from version control."
        )
    return name, sum_.strip()


def _mismatch(where: str, line: int, problem: str) -> LoadError:
    advice = "Restore the files as they were; or, if it is meant, write atlas.sum anew with `atlas migrate hash`."
    return LoadError(where, line, f"since {SUM_FILE} was written, {problem}", advice)
