"""The table of the native history, and how it is read: the shape, the query, and what its rows say."""

from __future__ import annotations

from trek_asyncpg._rows import from_columns
from trek_core.plugin import (
    ConfigError,
    Facts,
    History,
    Row,
    Rows,
    Sql,
    advisory_key,
    create_schema,
    quote_ident,
    quote_literal,
)

COLUMNS = (
    ("seq", "bigint NOT NULL"),
    ("revision", "text NOT NULL"),
    ("verb", "text NOT NULL"),
    ("title", "text NOT NULL"),
    ("checksum", "text"),
    ("state", "text NOT NULL"),
    ("step", "integer"),
    ("started_at", "timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()"),
    ("finished_at", "timestamptz"),
    ("duration", "double precision"),
    ("who", "text NOT NULL DEFAULT session_user"),
    ("application", "text NOT NULL DEFAULT pg_catalog.current_setting('application_name')"),
    ("backend_pid", "integer NOT NULL DEFAULT pg_catalog.pg_backend_pid()"),
)
LATER = (("database", "text"), ("problem", "text"))
"""Columns that tables of earlier days lack, until the next row is written."""
_NAMES = tuple(name for name, _ in COLUMNS)
_TRIGGERS = (  # BEFORE … FOR EACH ROW of INSERT or UPDATE, as the bits of tgtype tell; and rules DO INSTEAD
    "SELECT pg_catalog.concat('TRIGGER ', pg_catalog.quote_ident(t.tgname)) FROM pg_catalog.pg_trigger t"
    " WHERE t.tgrelid = c.oid AND t.tgtype & 3 = 3 AND t.tgtype & 20 > 0 AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
    " UNION ALL SELECT pg_catalog.concat('RULE ', pg_catalog.quote_ident(r.rulename)) FROM pg_catalog.pg_rewrite r"
    " WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3') AND r.is_instead AND r.ev_enabled IN ('O', 'A') LIMIT 1"
)
NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names, and the guard would not know its own table


class HistoryTable:
    """Where it lies and how it is made and read. Raises `ConfigError` for names that PostgreSQL would cut."""

    def __init__(self, schema: str, table: str) -> None:
        self.schema, self.table = schema, table
        for name in (schema, table):
            if not 0 < len(name.encode()) <= NAME_BYTES:
                msg = (
                    f"the history cannot lie in {name!r}: that name has {len(name.encode())} bytes, and PostgreSQL takes "
                    f"1 to {NAME_BYTES}.\nChange the store settings schema or table."
                )
                raise ConfigError(msg)
        self.identity, self.name = f"{schema}.{table}", f"{quote_ident(schema)}.{quote_ident(table)}"
        self.key = _key(table)

    # ----------------------------------------------------------------------- making
    def made(self) -> tuple[Sql, ...]:
        """The statements that make it."""
        columns = ",\n  ".join(f"{name} {kind}" for name, kind in (*COLUMNS, *LATER))
        table = f"CREATE TABLE {self.name} (\n  {columns},\n  CONSTRAINT {quote_ident(self.key)} PRIMARY KEY (seq)\n)"
        schema = () if self.schema == "public" else (Sql(create_schema(self.schema)),)
        return (*schema, Sql(table))

    def altered(self, lacks: tuple[str, ...]) -> str:
        """The statement that adds the columns."""
        added = ", ".join(f"ADD COLUMN {name} {kind}" for name, kind in LATER if name in lacks)
        return f"ALTER TABLE {self.name} {added}"

    # ----------------------------------------------------------------------- asking
    def query(self) -> Sql:
        return Sql(
            "SELECT pg_catalog.json_build_object('head', true,"
            " 'columns', (SELECT pg_catalog.jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a"
            " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
            " 'key', (SELECT pg_catalog.jsonb_agg(k.conname) FROM pg_catalog.pg_constraint k"
            " WHERE k.conrelid = c.oid AND k.contype = 'p'),"
            " 'hidden', pg_catalog.row_security_active(c.oid),"
            " 'writable', pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE'),"
            f" 'triggers', ({_TRIGGERS}),"
            " 'owner', pg_catalog.pg_get_userbyid(c.relowner), 'owned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),"
            f" 'database', ({self._database()}),"
            " 'published', EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.puballtables))"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE n.nspname = {quote_literal(self.schema)} AND c.relname = {quote_literal(self.table)}"
            f" UNION ALL {self._rows()}"
        )

    def _database(self) -> str:
        """The identity in the newest row that has one, by the index of the key: of all rows the list would be long."""
        return (
            "SELECT t.database FROM (SELECT NULL::bigint AS seq, NULL::text AS database) AS lacking CROSS JOIN LATERAL"
            f" (SELECT database FROM {self.name} WHERE database IS NOT NULL ORDER BY seq DESC LIMIT 1) t"
        )

    def _rows(self) -> str:
        """One object, a list a column: half the work of an object a row. What the table lacks is found in `lacking`."""
        lists = ", ".join(f"'{name}', pg_catalog.json_agg(t.{name})" for name in _NAMES)
        lacking = ", ".join(f"NULL::text AS {name}" for name in _NAMES)
        return (
            f"SELECT pg_catalog.json_build_object({lists},"
            " 'xid', pg_catalog.json_agg(CASE WHEN t.finished_at IS NULL THEN t.xid END),"
            " 'problems', pg_catalog.json_object_agg(t.seq, t.problem) FILTER (WHERE t.problem IS NOT NULL))"
            f" FROM (SELECT NULL::pg_catalog.xid AS xmin, NULL::text AS problem, {lacking}) AS lacking"
            f" CROSS JOIN LATERAL (SELECT xmin::text AS xid, problem, {', '.join(_NAMES)} FROM {self.name}) t"
        )

    def unmoved(self, history: History) -> Sql:
        """Fails unless there is no table, or exactly these rows. By a digest: which rows, in which order, and their states."""
        from hashlib import sha256  # noqa: PLC0415 - only when a plan is printed

        told = "; nothing was changed: make the script anew with trek plan --sql"
        there = f"pg_catalog.to_regclass({quote_literal(self.name)}) IS NOT NULL"
        if not history.exists:
            made_for = f"trek: this script was made for a database without {self.identity}, and here is one{told}"
            return _raising(there, made_for)
        lines = [f"{row.data['seq']} {row.verb} {row.revision} {row.state}" for row in history.rows]
        digest = sha256("\n".join(lines).encode()).hexdigest()
        told_by = "pg_catalog.concat_ws(' ', seq, verb, revision, state), E'\\n' ORDER BY seq"
        rows = f"pg_catalog.convert_to(COALESCE(pg_catalog.string_agg({told_by}), ''), 'UTF8')"
        found = f"(SELECT pg_catalog.encode(pg_catalog.sha256({rows}), 'hex') FROM {self.name})"
        newest = f", the newest of which is {lines[-1]!r}" if lines else ""
        rows = f"{len(lines)} row{'' if len(lines) == 1 else 's'}"
        made_for = f"trek: this script was made for another history: {self.identity} with {rows}{newest}{told}"
        return _raising(f"{found} <> {quote_literal(digest)}", made_for)

    # ----------------------------------------------------------------------- understanding
    def history(self, rows: Rows | None, facts: Facts) -> History:
        head = next((row for row in rows or () if "head" in row), None)
        # The server finds a table by its newest name, and rows by a snapshot that may be older than the table: no head then.
        if rows is None or head is None:
            return History(exists=False, facts=facts, database="")
        self._check(head, facts)
        lacks = tuple(name for name, _ in LATER if name not in head["columns"])
        lists = next(row for row in rows if "head" not in row)
        history = from_columns(lists)
        return History(
            exists=True,
            rows=history,
            next=history[-1].data["seq"] + 1 if history else 1,
            facts=facts,
            warnings=self._warnings(head),
            unwritable=self._refusal(head, facts, lacks),
            database=head["database"] or "",
            lacks=lacks,
        )

    def _check(self, head: Row, facts: Facts) -> None:
        missing = [name for name in _NAMES if name not in (head["columns"] or ())]
        if missing or head["key"] != [self.key]:
            what = f"lacks {', '.join(missing)}" if missing else f"has no primary key {self.key!r}"
            msg = (
                f"{self.identity} is a table of another shape: it {what}.\n"
                "It is not trek's history, and trek leaves it alone. Name another with the store settings schema and table."
            )
            raise ConfigError(msg)
        if head["hidden"]:
            msg = (
                f"row security hides rows of {self.identity} from {facts.user!r}: the history cannot be trusted.\n"
                f"Migrate as the table's owner, or: ALTER TABLE {self.name} DISABLE ROW LEVEL SECURITY;"
            )
            raise ConfigError(msg)

    def _refusal(self, head: Row, facts: Facts, lacks: tuple[str, ...]) -> str:
        if not head["writable"]:
            return (
                f"the user {facts.user!r} may read {self.identity}, but not write it: "
                f"GRANT INSERT, UPDATE ON {self.name} TO {quote_ident(facts.user)}; or migrate as another role."
            )
        if head["triggers"]:
            return (
                f"{self.identity} has the {head['triggers']}, which comes before its rows and may take them away or change "
                f"them, so that a migration would run twice: ALTER TABLE {self.name} DISABLE {head['triggers']}; "
                "(a trigger may come AFTER). Then look whether the history tells of all that ran since it was made."
            )
        if lacks and not head["owned"]:
            return (
                f"{self.identity} lacks the column {', '.join(lacks)}, which this version of trek writes, and the user "
                f"{facts.user!r} may not add it. As its owner, {head['owner']!r}, once: {self.altered(lacks)};"
            )
        return ""

    def _warnings(self, head: Row) -> tuple[str, ...]:
        if not head["published"]:
            return ()
        warning = (
            f"a publication FOR ALL TABLES copies {self.identity} to subscribers, whose tables may be missing there: "
            "publish tables by name"
        )
        return (warning,)


def _key(table: str) -> str:
    """The primary key's name, which is an index's too: two histories of one schema need two."""
    name = f"{table}_key"
    return name if len(name.encode()) <= NAME_BYTES else f"trek_{advisory_key(table) % 2**64:x}_key"


def _raising(condition: str, message: str) -> Sql:
    raised = f"RAISE EXCEPTION USING MESSAGE = {quote_literal(message)}"
    return Sql(f"DO {quote_literal(f'BEGIN IF {condition} THEN {raised}; END IF; END')}")
