"""The format `pogo-migrate`: files that name those they depend on, and the table `_pogo_migration`.

Source: pogo-migrate 0.4.7 and pogo-core 0.1.6, pogo_core/migration.py, util/sql.py and util/migrate.py.
"""

from __future__ import annotations

from trek_loaders.formats.pogo_migrate._layout import make_layout
from trek_loaders.formats.pogo_migrate._store import make_store

__all__ = ["make_layout", "make_store"]
