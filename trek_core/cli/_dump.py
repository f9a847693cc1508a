"""`trek dump`: the database's schema as a file."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from trek_core.cli import _exit
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import complain, count, document, say, warn
from trek_core.errors import ConfigError

SHOWN = 60  # lines of a diff


@click.command(
    short_help="Write the database's schema to a file.",
    epilog=examples(
        "trek dump                    schema.sql",
        "trek dump db/structure.sql",
        "trek dump - | less",
        "trek dump --check            for CI: is schema.sql what the database is",
        "psql -v ON_ERROR_STOP=1 -f schema.sql postgresql://app@localhost/new",
    ),
)
@click.argument("file", default="schema.sql")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the file is not what would be written.")
@click.option("--grants", is_flag=True, help="With GRANT and REVOKE. The roles must be there when it is loaded.")
@common
@click.pass_context
def dump(context: click.Context, file: str, check: bool, grants: bool) -> int:
    """Writes the database's schema to FILE (schema.sql; - is stdout), as psql can load it into an empty database.

    The file ends with the migrations that are applied: trek calls a database that was made of it current. The same
    schema gives the same bytes, whichever version of pg_dump wrote it. Owners and tablespaces are left out.
    """
    from trek_core._dump import dump as dumped  # noqa: PLC0415 - as everywhere, where a database is wanted
    from trek_core.cli import _database  # noqa: PLC0415

    words = given(context)
    found = _database.run(dumped(_database.migrator(words.settings()), grants=grants))
    warn(found.warnings)
    before = None if file == "-" else _read(Path(file))
    same = before == found.text
    if not check and not same and file != "-":
        _write(Path(file), found.text)
    if words.json:
        document(
            {"file": file, "same": same, "revisions": found.revisions} | ({"sql": found.text} if file == "-" else {})
        )
    elif file == "-":
        say(found.text.rstrip("\n"))
    elif not check and not words.quiet:
        done = "is up to date" if same else "is written"
        say(f"{file} {done}: {count(len(found.revisions), 'migration')}, {found.text.count(chr(10))} lines")
    if check and not same:
        _complain(file, before, found.text)
    return _exit.FAILED if check and not same else _exit.DONE


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigError(msg) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}\nName another file, or make its folder."
        raise ConfigError(msg) from error


def _complain(file: str, before: str | None, after: str) -> None:
    if before is None:
        complain(f"there is no {file}: `trek dump {file}` writes it")
        return
    lines = list(unified_diff(before.splitlines(), after.splitlines(), file, "the database", lineterm="", n=2))
    more = [f"… {len(lines) - SHOWN} more lines"] if len(lines) > SHOWN else []
    complain("\n".join([*lines[:SHOWN], *more]))
    complain(f"{file} is not what the database is: `trek dump {file}` writes it anew")
