"""The format `graphile-migrate`: committed files, each with its hash and that of the one before it.

Source: graphile-migrate 1.4, src/migration.ts, hash.ts, header.ts, pgReal.ts and settings.ts.
"""

from __future__ import annotations

from trek_loaders.formats.graphile_migrate._layout import make_layout
from trek_loaders.formats.graphile_migrate._store import make_store

__all__ = ["make_layout", "make_store"]
