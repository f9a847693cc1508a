"""Folders and files that trek cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.errors.stage import Case
from trek_core import ConfigError, Cycle, Duplicate, LoadError, UnknownRevision

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "0002_orders.sql"
PYTHON = "0002_backfill.py"
USERS = {"0001_users.sql": "CREATE TABLE users (id int PRIMARY KEY);\n"}


def sql(name: str, content: str | bytes, line: int, *says: str) -> Case:
    """A second file that is wrong in that line; the first is fine, and must not run either."""
    return Case(name, LoadError, (f"migrations/{FILE}:{line}: ", *says), {**USERS, FILE: content})


def python(name: str, content: str, place: str, *says: str) -> Case:
    return Case(name, LoadError, (f"migrations/{PYTHON}{place}: ", *says), {**USERS, PYTHON: content})


def folder(name: str, error: type, files: Mapping[str, str | bytes], *says: str) -> Case:
    return Case(name, error, says, files)


FOLDERS = (
    folder("empty-folder", ConfigError, {}, "no migration in 'migrations'", "trek new TITLE"),
    Case(
        "only-ignored-files",
        ConfigError,
        ("no migration in 'migrations'", "ignored migrations/notes.txt: ", "'.txt'"),
        {"notes.txt": "later"},
    ),
    folder(
        "two-files-for-one-revision",
        Duplicate,
        {**USERS, "001_accounts.sql": "SELECT 1;"},
        "0001",
        "migrations/0001_users.sql",
        "migrations/001_accounts.sql",
        "Give all but one",
    ),
    folder(
        "unknown-suffix",
        LoadError,
        {**USERS, "0002_orders.sqll": "SELECT 1;"},
        "migrations/0002_orders.sqll: ",
        "'.sqll'",
        "rename it",
    ),
    folder(
        "no-revision-in-the-name",
        LoadError,
        {**USERS, "orders.sql": "SELECT 1;"},
        "migrations/orders.sql: ",
        "0001_title.sql",
    ),
    folder(
        "another-tools-folder",
        ConfigError,
        {"0001_users.sql": "-- +goose Up\nCREATE TABLE users (id int);\n-- +goose Down\nDROP TABLE users;\n"},
        "'migrations'",
        "looks like goose",
        "0001_users.sql",
        "'-- +goose Up'",
        'format="…"',
    ),
    folder(
        "cycle",
        Cycle,
        {
            "0001_users.sql": "-- trek: requires 0002\nCREATE TABLE users (id int);\n",
            "0002_orders.sql": "-- trek: requires 0001\nCREATE TABLE orders (id int);\n",
        },
        "0001 → 0002 → 0001",
        "migrations/0001_users.sql",
        "migrations/0002_orders.sql",
        "Take one of them out",
    ),
    folder(
        "requires-an-unknown-revision",
        UnknownRevision,
        {**USERS, FILE: "-- trek: requires 0011\nCREATE TABLE orders (id int);\n"},
        f"migrations/{FILE}: ",
        "requires 0011",
        "Nearest: 0001",
        "Correct the name",
    ),
)

SQL_FILES = (
    sql(
        "unknown-directive",
        "-- trek: no-transactoin\nSELECT 1;\n",
        1,
        "'no-transactoin'",
        "Did you mean 'no-transaction'?",
        "The directives are: ",
    ),
    sql("wrong-lock-timeout", "-- trek: lock-timeout 2 weeks\nSELECT 1;\n", 1, "'2 weeks'", "500ms, 2s"),
    sql("invalid-utf-8", b"-- caf\xe9\nSELECT 1;\n", 1, "0xe9", "Save the file as UTF-8"),
    sql("nul", b"SELECT 1;\nSELECT '\0';\n", 2, "NUL", "remove it"),
    sql("empty-file", "", 1, "no statement", "nothing", "delete the file"),
    sql("comments-only", "-- later\n/* much later */\n", 1, "no statement", "nothing but comments", "delete the file"),
    sql("unterminated-quote", "SELECT 1;\nSELECT 'it is;\n", 2, "'it is;", "never ends", "Close it"),
    sql("unterminated-name", 'SELECT 1;\nSELECT "id FROM users;\n', 2, '"id FROM', "never ends", "Close it"),
    sql("unterminated-comment", "/* begin\nSELECT 1;\n", 1, "/* begin", "never ends", "Close it"),
    sql("unterminated-dollar-quote", "DO $do$\nBEGIN END $DO$;\n", 1, "$do$", "never ends", "Close it with $do$"),
    sql("unclosed-parenthesis", "CREATE TABLE orders (\n  id int\n;\nSELECT 1;\n", 1, "never closed", "Close it"),
    sql("psql-command", "SELECT 1;\n\\i other.sql\n", 2, "\\i", "psql", "put the other file's statements here"),
    sql("copy-without-end", "COPY users FROM STDIN;\n1\n2\n", 1, "COPY … FROM STDIN", "`\\.`", "or write INSERT"),
    sql(
        "large-object",
        "CREATE TABLE orders (id int);\nSELECT pg_catalog.lo_create('16403');\n",
        2,
        "lo_create of a large object",
        "Dump without them",
    ),
    sql("own-commit", "CREATE TABLE orders (id int);\nCOMMIT;\n", 2, "COMMIT", "Remove it", "no-transaction"),
    sql(
        "mixed-transaction-modes",
        "CREATE TABLE orders (id int);\nCREATE INDEX CONCURRENTLY i ON users (id);\n",
        2,
        "CREATE INDEX CONCURRENTLY",
        "line 1: CREATE TABLE orders",
        "Split the file in two",
    ),
)

PYTHON_FILES = (
    python("python-without-upgrade", "async def upgarde(connection): ...\n", "", "'upgrade'", "upgarde", "Define it"),
    python("python-not-async", "x = 1\ndef upgrade(connection): ...\n", ":2", "'upgrade' is not async", "async def"),
    python("python-syntax", "async def upgrade(connection):\n    await (\n", ":2", "'('", "await ("),
)

CASES = (*FOLDERS, *SQL_FILES, *PYTHON_FILES)
