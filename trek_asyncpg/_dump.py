"""A database's schema as one script: pg_dump's, with what its versions do not share taken out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trek_asyncpg._onlooker import NoSecond, like
from trek_core.plugin import ConfigError, ConnectError, redact_dsn

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

OPTIONS = ("--schema-only", "--no-owner", "--no-tablespaces", "--no-subscriptions", "--encoding=UTF8", "--no-password")
BEGINNING = """\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
"""
NONE = """\
no pg_dump was found that can read PostgreSQL {server}: it must be of that version or a later one. Looked at
{looked}
Install the programs of PostgreSQL {server} or later, name their folder in TREK_PG_BIN, or install trek-migrate[embedded]."""
_BLOCK = re.compile(r"(?=^--\n-- Name: [^\n]*; Type: [^\n]*; Schema: [^\n]*\n--\n)", re.MULTILINE)
# What versions of pg_dump say of the same thing, by the type of object: what is written, what is kept.
_SAME = (
    ("DEFAULT ACL", re.compile(r"  (TO|FROM) "), r" \1 "),
    ("FOREIGN TABLE", re.compile(r"^(ALTER FOREIGN TABLE )(?!ONLY )(.* ALTER COLUMN )", re.MULTILINE), r"\1ONLY \2"),
)
# Every database has them: what some versions say of the schema public as the server made it.
_SAID_OF_PUBLIC = (
    "-- *not* creating schema, since initdb creates it",
    "REVOKE USAGE ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO PUBLIC;",
)
_FIRST = re.compile(r"^(?:SET default_\w+ = [^\n]*;\n\n)*--\n-- (?:Name|TOC entry)[^\n]*\n", re.MULTILINE)
_LAST = re.compile(r"^--\n-- PostgreSQL database dump complete\n--\n", re.MULTILINE)


async def dump(connection: Connection, *, grants: bool = False) -> str:
    """The schema of the connection's database for psql, the same whichever version of pg_dump wrote it.

    grants: with GRANT and REVOKE, for which the roles must be there; owners are left out in any case.
    Raises `ConfigError` where no pg_dump is as new as the server, or it fails, and `ConnectError` if it cannot connect.
    """
    program = await find(connection.get_server_version().major)
    options = OPTIONS if grants else (*OPTIONS, "--no-privileges")
    code, out, err = await _run(program, *options, environ=_environ(connection))
    if code:
        msg = f"{program} failed: {redact_dsn(err.strip())}"
        raise (ConnectError if "connection to server" in err else ConfigError)(msg)
    return normal(out)


def normal(text: str) -> str:
    """What pg_dump wrote, without versions, tokens and the settings that only some versions know."""
    begin, end = _FIRST.search(text), None
    for end in _LAST.finditer(text):  # noqa: B007 - the last one: a function's body may have the same lines
        pass
    body = text[begin.start() if begin else len(text) : end.start() if end else len(text)]
    blocks = (_block(block) for block in _BLOCK.split(body))
    return f"{BEGINNING}\n{''.join(blocks).rstrip()}\n" if begin else BEGINNING


def _block(text: str) -> str:
    """One object's lines, as every version would write them; nothing if it is what every database has."""
    title, _, rest = text.removeprefix("--\n").partition("\n--\n")
    if rest.strip() in _SAID_OF_PUBLIC:
        return ""
    for kind, pattern, kept in _SAME:
        if f"; Type: {kind}; " in title:
            text = pattern.sub(kept, text)
    return text


# --------------------------------------------------------------------------- the program
async def find(server: int) -> str:
    """A pg_dump that is no older than the server. Raises `ConfigError` with those that were looked at."""
    seen = []
    for program in dict.fromkeys(_programs()):
        version = await _version(program)
        if version >= server:
            return program
        seen.append(f"  {program}: {f'version {version}' if version else 'does not run'}")
    raise ConfigError(NONE.format(server=server, looked="\n".join(seen) or "  nothing was there"))


def _programs() -> Iterator[str]:
    """Where it may be: what was asked for, what a shell finds, the wheel, the newest of this machine."""
    folders = [Path(named)] if (named := os.environ.get("TREK_PG_BIN")) else []
    on_path = shutil.which("pg_dump")
    folders += [Path(on_path).parent] if on_path else []
    with contextlib.suppress(ConfigError):  # there is no embedded server on Windows
        from trek_asyncpg.embedded._binaries import in_wheel, installed  # noqa: PLC0415 - for this alone

        folders += [folder for folder in (in_wheel(), *installed()) if folder]
    name = "pg_dump.exe" if os.name == "nt" else "pg_dump"
    yield from (str(folder / name) for folder in folders if (folder / name).is_file())


async def _version(program: str) -> int:
    """Its major version; 0 if it does not run."""
    code, out, _ = await _run(program, "--version")
    found = re.search(r"\(PostgreSQL\) (\d+)", out)
    return int(found[1]) if found and not code else 0


async def _run(program: str, *words: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            program, *words, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1
        )
    except OSError as error:
        return 1, "", str(error)
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode(errors="replace")


def _environ(connection: Connection) -> dict[str, str]:
    """Passwords go by the environment: others see the words of a command."""
    try:
        found: dict[str, Any] = like(connection)
    except NoSecond as error:
        msg = f"pg_dump cannot connect as this connection does: {error}"
        raise ConnectError(msg) from error
    said = {
        f"PG{name.upper()}": found[name] for name in ("host", "port", "user", "password", "database") if found[name]
    }
    mode = {} if found["ssl"] else {"PGSSLMODE": "disable"}
    kept = {name: value for name, value in os.environ.items() if name not in ("PGSERVICE", "PGHOSTADDR", "PGPASSFILE")}
    return {**kept, "PGSSLMODE": "require", **mode, **{name: str(value) for name, value in said.items()}}
