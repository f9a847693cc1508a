"""The SQL of another tool's history table: finding it, reading it, and writing it so that two runners cannot both do so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trek_core.plugin import ConfigError, Guard, History, Sql, create_schema, dataclass, quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, Facts

KEY = "trek_table"
"""The key of the one object of `query` that describes the table; all others are rows."""
MOVED = "trek_history_moved"
"""The name of the constraint that exists only in the guard's error."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the tool. schema None: the one that is current, as `current_schema()` says, which `History.schema` keeps.
    fixed: no setting can name another.

    Raises `ConfigError` for what cannot be a name.
    """

    tool: str
    name: str
    schema: str | None = None
    fixed: bool = False

    def __post_init__(self) -> None:
        for setting, value in (("schema", self.schema), ("table", self.name)):
            if value is not None and (not value or "\0" in value):
                message = f"store setting {setting} = {value!r} cannot be a name. Leave it out for the default of {self.tool}."
                raise ConfigError(message)

    @property
    def identity(self) -> str:
        """For messages, and for trek's own lock."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    def where(self, history: History) -> str:
        """The schema that the table is in, or will be made in."""
        found = self.schema or history.schema or history.facts.schema
        if found is None:
            message = (
                f"No schema of the search_path exists, so {self.tool} has nowhere to keep the table {self.name}. "
                "Name one with the store setting schema."
            )
            raise ConfigError(message)
        return found

    def named(self, history: History) -> str:
        """The qualified name, quoted."""
        return f"{quote_ident(self.where(history))}.{quote_ident(self.name)}"

    @property
    def as_written(self) -> str:
        """The quoted name, qualified where the settings name a schema."""
        name = quote_ident(self.name)
        return name if self.schema is None else f"{quote_ident(self.schema)}.{name}"

    # ----------------------------------------------------------------------- reading
    def query(self) -> Sql:
        """The table's schema and columns and whether row security hides rows, then every row."""
        name = self.as_written
        return Sql(
            f"SELECT pg_catalog.jsonb_build_object({quote_literal(KEY)}, pg_catalog.jsonb_build_object("
            "'schema', n.nspname, 'hidden', pg_catalog.row_security_active(c.oid), "
            "'columns', (SELECT pg_catalog.jsonb_object_agg(a.attname, pg_catalog.format_type(a.atttypid, NULL)) "
            "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))) "
            "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE c.oid = {quote_literal(name)}::pg_catalog.regclass\n"
            f"UNION ALL SELECT pg_catalog.to_jsonb(t) FROM {name} t"
        )

    def unfit(self, columns: dict[str, str], wanted: dict[str, tuple[str, ...]]) -> str:
        """Why columns are not the tool's: name -> type, and name -> the types that it may have, () for any. Or nothing."""
        if all(name in columns and (not types or columns[name] in types) for name, types in wanted.items()):
            return ""
        found = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        need = ", ".join(f"{name} {' or '.join(types)}".rstrip() for name, types in wanted.items())
        name_another = "name another with the store settings schema and table."
        way_out = f"{self.tool} has no other, so take another database." if self.fixed else name_another
        return (
            f"The table {self.identity} is not {self.tool}'s: it has the columns {found or 'none'}, and {self.tool} needs "
            f"{need}. It belongs to something else: {way_out}"
        )

    # ----------------------------------------------------------------------- writing
    def made(self, history: History, statements: Iterable[str]) -> Sequence[Sql]:
        """The schema if it is missing, and what makes the table."""
        return (Sql(create_schema(self.where(history))), *map(Sql, statements))

    def guard(self, history: History) -> Guard:
        """What `step` and `check` violate."""
        return Guard(self.where(history), self.name, MOVED)

    def step(self, history: History, condition: str, message: str, *writes: str) -> Sql:
        """Writes, or loses if the condition does not hold. Under a lock of the table that leaves its readers alone.

        One statement, so that it is atomic in every mode; of two runners one waits for the other, and then loses.
        """
        return do(self._lock(history), self._unless(history, condition, message, "23505"), *writes)

    def check(self, history: History, condition: str, message: str) -> Sql:
        """Loses if the condition does not hold."""
        return do(self._unless(history, condition, message, "23505"))

    def late(self, history: History, condition: str, message: str, *writes: str) -> Sql:
        """Writes after a body that ran outside a transaction. Too late to lose: what it finds wrong is a failure."""
        return do(self._lock(history), self._unless(history, condition, message, "55000"), *writes)

    def confirm(self, history: History, condition: str, message: str) -> Sql:
        """Fails if the condition does not hold after the body."""
        return do(self._unless(history, condition, message, "55000"))

    def _lock(self, history: History) -> str:
        # Of all modes in which a runner excludes another one and the tool's writes, the one that leaves readers alone.
        return f"LOCK TABLE {self.named(history)} IN SHARE ROW EXCLUSIVE MODE"

    def _unless(self, history: History, condition: str, message: str, state: str) -> str:
        place = f"SCHEMA = {quote_literal(self.where(history))}, TABLE = {quote_literal(self.name)}"
        return (
            f"IF NOT ({condition}) THEN\n  RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = {quote_literal(message)},\n"
            f"    {place}, CONSTRAINT = {quote_literal(MOVED)};\nEND IF"
        )


def same(column: str, value: str) -> str:
    """The condition that a column of characters is a text, also where the search_path has an operator for varchar."""
    return f"{column} OPERATOR(pg_catalog.=) {quote_literal(value)}"


def moment(text: str) -> float:
    """The time that a row tells, in seconds since 1970, to sort by; UTC where it names no zone.

    What is no time of this calendar (infinity, before Christ) is the earliest.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def marked_at(action: Action) -> tuple[str, str]:
    """When a mark was begun and ended, as SQL: what another history says of it, else the moment."""
    told = action.told
    found = (told.started_at or told.finished_at, told.finished_at or told.started_at) if told else ("", "")
    if not all(map(moment, found)):
        return "pg_catalog.clock_timestamp()", "pg_catalog.clock_timestamp()"
    begun, ended = (f"{quote_literal(time)}::pg_catalog.timestamptz" for time in found)
    return begun, ended


def do(*statements: str, declare: str = "") -> Sql:
    """Statements of PL/pgSQL as one of SQL. declare: a variable."""
    declared = f"DECLARE {declare};\n" if declare else ""
    block = f"{declared}BEGIN\n" + "".join(f"{statement};\n" for statement in statements) + "END"
    return Sql(f"DO {quote_literal(block)}" if "$trek$" in block else f"DO $trek$\n{block}\n$trek$")


def refuse_hidden(table: Table, facts: Facts) -> ConfigError:
    """For rows that the user does not see."""
    message = (
        f"Row security hides rows of {table.identity} from the role {facts.user!r}, so trek cannot tell "
        "where the database stands. Migrate as the table's owner, or give the role BYPASSRLS."
    )
    return ConfigError(message)
