"""The format `alembic`: a folder `versions`, whose files tell the graph, and the table `alembic_version` with its heads.

trek runs no operation of Alembic's. A revision runs from SQL beside its file, or from its own `async def upgrade`.

Source: Alembic 1.20.1, alembic/runtime/migration.py (HeadMaintainer) and alembic/script/base.py and revision.py.
"""

from __future__ import annotations

from trek_loaders.formats.alembic._layout import make_layout
from trek_loaders.formats.alembic._store import make_store

__all__ = ["make_layout", "make_store"]
