"""Small pure helpers: decoding a source, quoting for SQL, a lock's key, a schema, a hint, hiding passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trek_core.errors import LoadError
from trek_core.model import Source


def decode(source: Source) -> str:
    """The source as text: UTF-8, without a BOM, line ends as they are.

    Raises `LoadError` with the line for invalid UTF-8 and for NUL, which PostgreSQL takes in no text.
    """
    content = source.content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        problem = f"byte 0x{byte:02x} is not UTF-8"
        raise LoadError(str(source.file), line, problem, "Save the file as UTF-8.") from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise LoadError(str(source.file), line, "a NUL character", "PostgreSQL takes no NUL in SQL text: remove it.")
    return text


def advisory_key(name: str) -> int:
    """A key for an advisory lock from a name: 64 bits of its SHA-256, signed, as PostgreSQL's bigint."""
    import hashlib  # noqa: PLC0415 - OpenSSL with it, which `trek --help` need not wait for

    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def create_schema(schema: str) -> str:
    """SQL that makes a schema where it is missing.

    CREATE SCHEMA IF NOT EXISTS needs CREATE on the database even where the schema exists: this asks first.
    """
    missing = f"NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {quote_literal(schema)})"
    create = quote_literal(f"CREATE SCHEMA {quote_ident(schema)}")
    return f"DO {quote_literal(f'BEGIN IF {missing} THEN EXECUTE {create}; END IF; END')}"


def typed(revision: str) -> str:
    """A revision as one types it behind a command: Liquibase's have blanks."""
    import shlex  # noqa: PLC0415 - errors want it

    return shlex.quote(revision)


def quote_ident(name: str) -> str:
    """The name as a quoted SQL identifier. Raises `ValueError` for NUL or an empty name, which no quoting makes valid."""
    if not name or "\0" in name:
        msg = f"{name!r} cannot be an SQL identifier"
        raise ValueError(msg)
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: object) -> str:
    """The value as SQL: NULL, a number, true or false, else an escape-proof string literal.

    Right under either setting of standard_conforming_strings: a backslash makes it an E'' string.
    """
    if type(value) is str and "'" not in value and "\\" not in value:  # nearly always
        return f"'{value}'"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("'", "''")
    return "E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence "Did you mean 'x'?" with a space in front, or nothing."""
    import difflib  # noqa: PLC0415 - for somebody who mistyped, and for nobody else

    close = difflib.get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


# --------------------------------------------------------------------------- secrets
# Compiled when a DSN is shown: most runs show none.
_URL = r"\s*[A-Za-z][A-Za-z0-9+.-]*://"
_HOSTS = r"(\[[^\]]*\]|[^:,\[\]]*)(:\d*)?(,(\[[^\]]*\]|[^:,\[\]]*)(:\d*)?)*"
_KEY = r"(?i:password|passwd|pwd)\s*=\s*"
_PARAMETER = rf"{_KEY}(?P<value>[^&]*)"
_KEYWORD = rf"(?s){_KEY}(?P<value>'(?:\\.|[^'\\])*(?:'|\\?$)|(?:\\.|\S)*)"


def redact_dsn(dsn: str) -> str:
    """The DSN with `***` for every password, to be shown to people.

    Finds it in a URL (user:password@), in its query and in the form "host=… password=…". A malformed DSN, such as one
    whose password holds a raw @, : or /, may lose more than the password, never less.
    """
    url = re.match(_URL, dsn)
    parameters = re.finditer(_PARAMETER if url else _KEYWORD, dsn)
    secrets = [match.span("value") for match in parameters]
    secrets.append(_after_user(dsn, url.end() if url else 0, bool(url)))
    text, done = "", 0
    for start, end in sorted(secrets):
        if start < end:
            text += dsn[done:start] + "***" if start > done or not text else ""
            done = max(done, end)
    return text + dsn[done:]


def without_password(text: str, dsn: str) -> str:
    """A text without the passwords of a DSN that it may quote, with its scheme or without: "mine:postgresql://…"."""
    for secret in (dsn, dsn.partition(":")[2]):
        shown = redact_dsn(secret)
        if shown != secret:
            text = text.replace(secret, shown)
    return text


def _after_user(dsn: str, start: int, is_url: bool) -> tuple[int, int]:
    """From the first colon to the last @; in a URL without @, from a colon that no port follows to the end."""
    at, colon = dsn.rfind("@"), dsn.find(":", start)
    if at > colon >= 0:
        return colon + 1, at
    authority = re.split(r"[/?#]", dsn[start:], maxsplit=1)[0]
    if is_url and at < 0 <= colon < start + len(authority) and not re.fullmatch(_HOSTS, authority):
        return colon + 1, len(dsn)
    return 0, 0
