r"""What JavaScript takes for white space: `\s` and `trim` of tools that are written in it."""

from __future__ import annotations

SPACE = f"\t\n\v\f\r \u00a0\u1680{''.join(map(chr, range(0x2000, 0x200B)))}\u2028\u2029\u202f\u205f\u3000\ufeff"
"""Its characters, for `str.strip` and for the inside of a character class."""
LINE = "(?:^|(?<=[\n\r\u2028\u2029]))"
"""Where `^` matches with the flag `m`."""
