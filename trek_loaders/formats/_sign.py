"""What the signs are written with."""

from __future__ import annotations

from trek_core.plugin import FileSign, TableSign

STAMP, TIMESTAMPTZ = "timestamp without time zone", "timestamp with time zone"


def own(name: str, text: str, says: str) -> FileSign:
    return FileSign(name=name, text=text, says=says)


def fits(name: str, says: str) -> FileSign:
    return FileSign(name=name, says=says, own=False)


def table(name: str, columns: str, *, more: str = "", beside: str = "", without: str = "") -> TableSign:
    """columns: "version bigint, name text|character varying"; a name alone may have any type."""
    schema, _, table = name.rpartition(".")
    pairs = (part.strip().partition(" ") for part in columns.split(","))
    return TableSign(
        table=table,
        schema=schema or None,
        columns={column: tuple(filter(None, kinds.split("|"))) for column, _, kinds in pairs},
        more=tuple(more.split()),
        beside=beside,
        without=without,
    )
