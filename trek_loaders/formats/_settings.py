"""The settings of the formats: a small class for each kind, since they are made in every run."""

from __future__ import annotations

from trek_core.plugin import dataclass


@dataclass(frozen=True, slots=True)
class TableSettings:
    """Where a tool's history table is. None: in the schema, and under the name, that the tool itself takes by default."""

    schema: str | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class SearchPath:
    """schemas: what a tool sets the search_path to while it migrates."""

    schemas: tuple[str, ...] = ("public",)


@dataclass(frozen=True, slots=True)
class RefinerySettings(TableSettings):
    """int8_versions: whether refinery is built with that feature: a new table then keeps versions of 8 bytes."""

    int8_versions: bool = False


@dataclass(frozen=True, slots=True)
class PogoSettings:
    """schema: pogo-migrate's own setting of that name, which is also the search_path that it runs migrations with."""

    schema: str = "public"
