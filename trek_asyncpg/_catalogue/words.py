"""How a kind of object is asked for.

A SELECT gives classid, objid, objsubid; the owner, if the kind has one; its rights, and those that its owner gave at first;
the definition, by the server's own pg_get_*def where it has one. It runs with a search_path of pg_catalog alone.
"""

from __future__ import annotations

FIRST = 16384  # the first oid of what users make


def fields(alias: str, drop: str, **shown: str) -> str:
    """The columns of a row of a catalogue as lines, some shown by name instead of number."""
    named = ", ".join(f"'{column}', {value}" for column, value in shown.items())
    gone = ", ".join(f"'{column}'" for column in ("oid", *drop.split()))
    return (
        "(SELECT string_agg(f.key || ' = ' || f.value, E'\\n' ORDER BY f.key) FROM jsonb_each_text("
        f"jsonb_strip_nulls(to_jsonb({alias}) || jsonb_build_object({named})) - ARRAY[{gone}]) f)"
    )


def kind(table: str, alias: str, prefix: str, definition: str, *, namespace: bool = False, acl: str = "") -> str:
    """A kind whose table follows the custom: `oid`, and with one prefix `owner`, `namespace` and `acl`."""
    rights = f"{alias}.{prefix}acl, acldefault('{acl}', {alias}.{prefix}owner)" if acl else NO_RIGHTS
    where = f"JOIN own n ON n.oid = {alias}.{prefix}namespace" if namespace else f"WHERE {alias}.oid >= {FIRST}"
    return (
        f"SELECT '{table}'::regclass::oid, {alias}.oid, 0, {alias}.{prefix}owner, {rights},\n  {definition}\n"
        f"FROM {table} {alias} {where}"
    )


def unowned(table: str, alias: str, definition: str, where: str = "") -> str:
    """A kind without an owner of its own."""
    where = where or f"WHERE {alias}.oid >= {FIRST}"
    what = f"'{table}'::regclass::oid, {alias}.oid, 0, NULL::oid, {NO_RIGHTS},"
    return f"SELECT {what}\n  {definition}\nFROM {table} {alias} {where}"


NO_RIGHTS = "NULL::aclitem[], NULL::aclitem[]"
LINE = "E'\\n'"
OPTIONS = "(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest({}) o)"
