"""The format `goose`: files `00001_title.sql` with `-- +goose` annotations, and the table `goose_db_version`.

Source: goose at 2026-07, internal/sqlparser/parser.go, migration.go, internal/dialects/postgres.go and lock.
"""

from __future__ import annotations

from trek_loaders.formats.goose._layout import make_layout
from trek_loaders.formats.goose._store import make_store

__all__ = ["make_layout", "make_store"]
