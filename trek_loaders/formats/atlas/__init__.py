"""The format `atlas`: a versioned folder of `.sql` files with `atlas.sum`, and the table `atlas_schema_revisions`.

Source: Atlas at 2026-06, sql/migrate (dir.go, lex.go, migrate.go), cmd/atlas/internal/migrate; its executor run.
"""

from __future__ import annotations

from trek_loaders.formats.atlas._layout import make_layout
from trek_loaders.formats.atlas._store import make_store

__all__ = ["make_layout", "make_store"]
