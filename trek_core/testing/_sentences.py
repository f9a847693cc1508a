"""The numbered sentences of the contracts, from the one place where they stand: the contracts' docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from trek_core import contracts
from trek_core._hooks import TrekHooks

_SENTENCE = re.compile(r"^([A-Z]\d+)\. (.+?)(?=\n[A-Z]\d+\. |\n\n|\Z)", re.MULTILINE | re.DOTALL)


def sentences() -> dict[str, str]:
    """Number -> sentence ("S22" -> "Of a body that fails in a transaction no trace remains."). Empty under `python -OO`."""
    return {number: " ".join(text.split()) for doc in _docstrings() for number, text in _SENTENCE.findall(doc)}


def _docstrings() -> Iterator[str]:
    for holder in (TrekHooks, *(getattr(contracts, name) for name in contracts.__all__)):
        yield inspect.getdoc(holder) or ""
        for name, member in vars(holder).items():
            if not name.startswith("_"):
                yield inspect.cleandoc(getattr(member, "__doc__", None) or "")
