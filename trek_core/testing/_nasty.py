"""Bytes that a file may hold although nobody would write them so. The same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
LONGEST = 400  # of a text every beginning is tried, of a longer one that many

PLAIN: tuple[bytes, ...] = (
    b"",
    b" \t\n\n",
    b"\0",
    b"SELECT 1;\0",
    BOM,
    BOM + BOM + b"SELECT 1;",
    b"\r",
    b"\r\n\r\n",
    b"SELECT 1;\r\nSELECT 2;\r\n",
    b"SELECT 1;\rSELECT 2;\r",
    b"\xff\xfe",
    b"\xc3",
    b"SELECT '\xfc';",
    "SELECT 1;".encode("utf-16"),
    "SELECT '\u2028\u0085\U0001f600';".encode(),
    *(b"'", b'"', b"$$", b"$a$ $b$", b"E'\\", b"/*", b"*/", b"--", b";", b";;;", b"\\", b"("),
    *(b"{{", b"}}", b"{% if", b"<", b"[", b"%s", b"${x}"),
    b"COPY t FROM stdin;\n1\n",
    b"(" * 5_000,
    b"x" * 50_000,
    b"SELECT 1" + b"," * 5_000,
)


def beginnings(content: bytes) -> Iterator[bytes]:
    """The content as it stands when the writing of it was interrupted."""
    for end in range(0, len(content), max(1, len(content) // LONGEST)):
        yield content[:end]


def noise(content: bytes) -> Iterator[bytes]:
    """The content with a byte changed, and bytes that mean nothing."""
    chance = random.Random(2026)  # noqa: S311 - not a secret
    for _ in range(60):
        at = chance.randrange(len(content) + 1)
        yield content[:at] + chance.choice((b"\0", b"\xff", b"'", b'"', b"\n", b";", b"$", b"(")) + content[at + 1 :]
    for _ in range(60):
        yield chance.randbytes(chance.randrange(1, 120))
