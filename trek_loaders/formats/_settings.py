"""The settings of the formats: a small class for each kind, since they are made in every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from trek_core.plugin import dataclass, field


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FlywaySettings:
    """Flyway's own settings that say which files are migrations and how they run, under its own names.

    default_schema: None is the schema that is current. placeholders: those of the user, and what a built-in one
    (`flyway:table`, `flyway:environment`) is to be instead.
    """

    default_schema: str | None = None
    placeholders: Mapping[str, str] = field(default_factory=dict)
    placeholder_replacement: bool = True
    placeholder_prefix: str = "${"
    placeholder_suffix: str = "}"
    placeholder_separator: str = ":"
    sql_migration_prefix: str = "V"
    repeatable_sql_migration_prefix: str = "R"
    undo_sql_migration_prefix: str = "U"
    baseline_migration_prefix: str = "B"
    sql_migration_separator: str = "__"
    sql_migration_suffixes: tuple[str, ...] = (".sql",)
    validate_migration_naming: bool = False
    execute_in_transaction: bool = True
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Placeholders:
    """placeholders: graphile-migrate's own, `:NAME` -> text; the text `!ENV` is the environment variable of that name."""

    placeholders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Newline:
    """newline: postgrator's own: the line end that a file's checksum is made with; None leaves them as they are."""

    newline: Literal["LF", "CR", "CRLF"] | None = None


@dataclass(frozen=True, slots=True)
class SqitchSettings(TableSettings):
    """user_name, user_email: who deploys; None: the database's user. project: of changes that no plan tells of.

    The schema is the registry.
    """

    user_name: str | None = None
    user_email: str | None = None
    project: str = "trek"


@dataclass(frozen=True, slots=True)
class LiquibaseSettings(TableSettings):
    """lock_table: Liquibase's `databaseChangeLogLockTableName`."""

    lock_table: str = "databasechangeloglock"


@dataclass(frozen=True, slots=True)
class ChangelogSettings:
    """changelog: the root, a path in the folder. prefix: what Liquibase's own paths have in front of those in the folder.

    contexts, labels: as Liquibase's `--contexts` and `--label-filter`. parameters: the values of `${name}`.
    """

    changelog: str | None = None
    prefix: str = ""
    contexts: tuple[str, ...] = ()
    labels: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
