"""psql's own commands in a file: which of them pg_dump writes and mean nothing here, and what to write for the others."""

from __future__ import annotations

import re

GUARD = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*(?=[\r\n]|\Z)")
r"""`\restrict TOKEN` and `\unrestrict TOKEN`: pg_dump's guard against commands of psql in its data. trek runs none."""

_FILES = "One file is one migration: put the other file's statements here, or make it a migration of its own."
_COPY = "Write COPY … FROM STDIN with the data below it and a line `\\.` at its end, as pg_dump does."
_CONNECT = "trek runs all of a migration on the connection it was given: leave it out, and name that database to trek."
_VARIABLES = "psql puts variables in, trek does not: write the value, or make it a template (.sql.j2)."
_BRANCH = "Write a DO block with IF, or make it a template (.sql.j2)."
_OUTPUT = "It only prints: leave it out."
_EXEC = "Write a DO block with EXECUTE."
_ADVICE = {
    **dict.fromkeys(("i", "include", "ir", "include_relative"), _FILES),
    **dict.fromkeys(("copy",), _COPY),
    **dict.fromkeys(("c", "connect"), _CONNECT),
    **dict.fromkeys(("set", "unset", "getenv", "gset", "prompt"), _VARIABLES),
    **dict.fromkeys(("if", "elif", "else", "endif"), _BRANCH),
    **dict.fromkeys(("echo", "qecho", "warn", "timing", "pset", "x", "a", "t", "o", "out", "q", "quit"), _OUTPUT),
    **dict.fromkeys(("gexec",), _EXEC),
    **dict.fromkeys(("g", "gx"), "End the statement with `;`."),
    **dict.fromkeys(("encoding",), "Save the file as UTF-8, and leave it out."),
    **dict.fromkeys(("password",), "Write ALTER ROLE … PASSWORD with a hashed password."),
    **dict.fromkeys(("!",), "Run the program beside trek, or write a .py migration."),
    **dict.fromkeys(("lo_import", "lo_unlink"), "Keep the data in a bytea column."),
}
_ANY = "psql carries such commands out itself, the server does not know them: write what it does as SQL."


def advice_for(command: str) -> str:
    """What to write instead of a command, given with its backslash."""
    name = command[1:]
    if name.startswith("d"):
        return _OUTPUT
    return _ADVICE.get(name, _ANY)
