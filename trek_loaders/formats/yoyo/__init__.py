"""The format `yoyo`: SQL files that name those they depend on, and the table `_yoyo_migration` with its log.

Source: yoyo-migrations 9.0.0, yoyo/migrations.py, yoyo/backends/base.py and yoyo/internalmigrations.
"""

from __future__ import annotations

from trek_loaders.formats.yoyo._layout import make_layout
from trek_loaders.formats.yoyo._store import make_store

__all__ = ["make_layout", "make_store"]
