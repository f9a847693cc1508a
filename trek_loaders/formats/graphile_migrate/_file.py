"""A committed file: its headers, the hash of its body, its placeholders."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

from trek_core.plugin import File, LoadError, Script, dataclass
from trek_loaders._bodies import shorten
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction, one_query
from trek_loaders.formats._files import text_of
from trek_loaders.formats._js import SPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Facts, Tree

NAME = "graphile-migrate"
FILE = re.compile(r"([0-9]+)(?:-([-_a-zA-Z0-9]*))?\.sql")
_HEADER = re.compile("--! ([A-Z][a-zA-Z0-9_]*)(?::([^\r\u2028\u2029]*))?")
_NO_TRANSACTION = re.compile(rf"--![{SPACE}]*no-transaction\b", re.ASCII)
_NO_BOM = "graphile-migrate does not find its headers then"
_ADVICE = "Restore the file as graphile-migrate commit wrote it."


@dataclass(frozen=True, slots=True)
class Migration:
    """A committed file. headers: name -> value; lines: name -> where. start, end: of the body in the text."""

    file: File
    text: str
    headers: Mapping[str, str]
    lines: Mapping[str, int]
    start: int
    end: int

    @property
    def hash(self) -> str:
        return self.headers["Hash"]

    @property
    def previous(self) -> str:
        """Empty for the first one."""
        return "" if self.headers["Previous"] == "-" else self.headers["Previous"]

    @property
    def title(self) -> str:
        match = FILE.fullmatch(self.file.name)
        return self.headers.get("Message") or ((match and match[2]) or "").replace("-", " ")

    @property
    def computed(self) -> str:
        """The hash that the body and `Previous` have."""
        content = f"{self.previous}\n{self.text[self.start : self.end]}".strip(SPACE)
        return "sha1:" + hashlib.sha1(f"{content}\n".encode(), usedforsecurity=False).hexdigest()

    @property
    def checksum(self) -> str:
        """The header's hash, unless the body is another one and may not be."""
        return self.hash if "AllowInvalidHash" in self.headers else self.computed


def parse(file: File, tree: Tree) -> Migration:
    """Raises `LoadError` for headers that graphile-migrate refuses."""
    text = text_of(tree, file, bom=_NO_BOM)
    headers, lines, at = dict[str, str](), dict[str, int](), 0
    for number, line in enumerate(text.split("\n"), 1):
        match = _HEADER.fullmatch(line)
        if match is None:
            if line:
                found = "a line end CRLF, which graphile-migrate refuses" if line.endswith("\r") else f"{shorten(line)}"
                raise LoadError(
                    str(file), number, f"{found}, where a header or the empty line below them must be", _ADVICE
                )
            break
        if match[1] in headers:
            raise LoadError(str(file), number, f"the header {match[1]} a second time", _ADVICE)
        headers[match[1]], lines[match[1]] = (match[2] or "").strip(SPACE), number
        at += len(line) + 1
    else:
        raise LoadError(str(file), len(lines), f"no empty line below the headers, which {NAME} wants there", _ADVICE)
    for name in ("Previous", "Hash"):
        if not headers.get(name):
            raise LoadError(str(file), lines.get(name, 1), f"no header `--! {name}: …`", _ADVICE)
    end = len(text.rstrip(SPACE))
    start = len(text) - len(text[at:].lstrip(SPACE))
    return Migration(file, text, headers, lines, min(start, end), end)


def load(one: Migration, placeholders: Mapping[str, str], facts: Facts) -> Script:
    """The way up; there is no other. Raises `LoadError` for a body that is not the one that was committed."""
    invalid = one.computed != one.hash
    if invalid and "AllowInvalidHash" not in one.headers:
        problem = (
            f"`Hash` is {one.hash}, and the file below it has {one.computed}: it was edited after it was committed"
        )
        raise LoadError(str(one.file), one.lines["Hash"], problem, f"{_ADVICE} Or say `--! AllowInvalidHash`.")
    if not invalid and "AllowInvalidHash" in one.headers:
        line = one.lines["AllowInvalidHash"]
        raise LoadError(str(one.file), line, "AllowInvalidHash, and the hash is valid", "Remove the header.")
    body = _replaced(one, placeholders, facts)
    how = one_query if _NO_TRANSACTION.match(body.partition("\n")[0]) else in_transaction
    return Script(how(NAME, one.text[: one.start] + body, str(one.file), one.start))


def _replaced(one: Migration, placeholders: Mapping[str, str], facts: Facts) -> str:
    """The body with its placeholders replaced, wherever they stand."""
    own = {":DATABASE_NAME": facts.database, ":DATABASE_OWNER": facts.session_user}
    names = "|".join(map(re.escape, (*placeholders, *own)))

    def value(match: re.Match[str]) -> str:
        key = match[0]
        found = {**own, **placeholders}[key]
        if found == "!ENV" and key in placeholders:
            found = os.environ.get(key[1:], "")
        if not found and placeholders.get(key) != "":
            line = line_at(one.text, one.start + match.start())
            problem = f"the placeholder {key}, for which there is no value"
            advice = (
                f"Set the environment variable {key[1:]}."
                if key in placeholders
                else "Take graphile-migrate's store, too."
            )
            raise LoadError(str(one.file), line, problem, advice)
        return found

    return re.sub(rf"(?:{names})\b", value, one.text[one.start : one.end], flags=re.ASCII)
