"""Most files are a few plain statements that say nothing to trek: their script, without what it takes to read all others."""

from __future__ import annotations

from trek_core.plugin import Body, Direction, Script, Source, Sql, decode
from trek_loaders._plain import next_plain

_USUAL = frozenset(
    {
        "alter",
        "comment",
        "create",
        "delete",
        "drop",
        "grant",
        "insert",
        "revoke",
        "select",
        "truncate",
        "update",
        "with",
    }
)
"""With what a statement begins that a transaction takes and that leaves the session as it was, unless one of these is in it."""
_TELLING = (
    "advisory", "atomic", "concurrently", "database", "pg_catalog", "pg_settings", "set_config", "subscription", "system",
    "tablespace", "temp",
)  # fmt: skip


def load_quickly(source: Source) -> Script | None:
    """The script, or None for a file that wants to be read more closely. Raises `LoadError` for bytes that are no text."""
    text = decode(source)
    if any(map(text.lower().__contains__, _TELLING)):
        return None
    statements = _statements(text, str(source.file))
    if source.direction is Direction.down:
        return None if statements is None else Script(None, Body(statements, "transaction"))
    return Script(Body(statements, "transaction")) if statements else None


def _statements(text: str, file: str) -> tuple[Sql, ...] | None:
    found: list[Sql] = []
    at, seen, line, line_end = 0, 0, 1, -1
    while one := next_plain(text, at):
        if not one.lastindex:
            return tuple(found)
        at, (start, end) = one.end(), one.span(1)
        sql = text[start:end]
        if sql[:9].split(None, 1)[0].lower() not in _USUAL:
            return None
        if more := text.count("\n", seen, start):
            line, line_end = line + more, text.rfind("\n", seen, start)
        seen = start
        found.append(Sql(sql, file, line, start - line_end, start))
    return None
