"""The format `liquibase`: formatted SQL changelogs, a changeset each a revision, and DATABASECHANGELOG.

Source: Liquibase 4.28 and 5.0, liquibase-standard: AbstractFormattedChangeLogParser, FormattedSqlChangeLogParser,
AbstractSQLChange, ExpressionMatcher, StandardLockService, MarkChangeSetRanGenerator.
"""

from __future__ import annotations

from trek_loaders.formats.liquibase._layout import make_layout
from trek_loaders.formats.liquibase._store import make_store

__all__ = ["make_layout", "make_store"]
