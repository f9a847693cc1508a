"""The reference store passes the suite of stores, nothing skipped."""

from __future__ import annotations

from tests.kits.broken_store import MemoryCase


class TestMemoryStore(MemoryCase):
    pass
