"""The format `flyway`: versioned, repeatable, baseline and undo migrations in SQL, and the table `flyway_schema_history`.

Source: Flyway 9.22 and 13, flyway-core and flyway-database-postgresql.
"""

from trek_loaders.formats.flyway._layout import make_layout
from trek_loaders.formats.flyway._store import make_store

__all__ = ["make_layout", "make_store"]
