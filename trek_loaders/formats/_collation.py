"""The order in which JavaScript's `localeCompare` puts names. Source: the root of CLDR's collation."""

from __future__ import annotations

_MARKS = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_PLACES = {mark: place for place, mark in enumerate((*_MARKS, *"0123456789abcdefghijklmnopqrstuvwxyz"))}


def collated(name: str) -> tuple[list[int], str, str]:
    """What names are sorted by: marks, digits, then letters without case; a small letter first where all else is the same.

    Beyond ASCII by code point: there the order depends on the language of whoever runs the tool.
    """
    return [_PLACES.get(letter, 128 + ord(letter)) for letter in name.lower()], name.swapcase(), name
