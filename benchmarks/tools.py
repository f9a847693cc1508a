"""The tools: how each wants its folder, how it is started, what its history looks like when all is applied."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.content import Migration
from benchmarks.environment import Environment

CLIENTS = Path(__file__).with_name("clients")
Migrations = Sequence[Migration]


@dataclass(frozen=True, slots=True)
class Tool:
    """`write` fills a folder; `command` is the process; `mark` is SQL that makes its history say that these are applied."""

    name: str
    write: Callable[[Path, Migrations], None]
    command: Callable[[Environment, str, Path, str], list[str]]
    mark: Callable[[Migrations], str] | None = None
    peer: bool = True
    client: str | None = None  # its module in clients/, if it works on an asyncpg connection that is given
    each: bool = False  # commits each migration by itself
    tells: bool = False  # prints the seconds after connecting


def _python(client: str, *more: str) -> Callable[[Environment, str, Path, str], list[str]]:
    def command(env: Environment, verb: str, folder: Path, dsn: str) -> list[str]:
        return [env.python, str(CLIENTS / f"{client}.py"), verb, str(folder), dsn, *more]

    return command


# ------------------------------------------------------------------------------ folders
def _names(migrations: Migrations) -> list[str]:
    return [f"{migration.revision}_{migration.title}" for migration in migrations]


def write_plain(folder: Path, migrations: Migrations) -> None:
    for name, migration in zip(_names(migrations), migrations, strict=True):
        (folder / f"{name}.sql").write_text(migration.sql)


def write_asyncpg_trek(folder: Path, migrations: Migrations) -> None:
    before = "initial"
    for migration in migrations:
        (folder / f"20260101_{before}_up_r{migration.revision}.sql").write_text(migration.sql)
        before = f"r{migration.revision}"


def write_pogo(folder: Path, migrations: Migrations) -> None:
    before = ""
    for name, migration in zip(_names(migrations), migrations, strict=True):
        head = f"-- {migration.title}\n-- depends: {before}\n"
        (folder / f"{name}.sql").write_text(f"{head}\n-- migrate: apply\n{migration.sql}\n-- migrate: rollback\n")
        before = name


def write_alembic(folder: Path, migrations: Migrations) -> None:
    (folder / "versions").mkdir()
    shutil.copy(CLIENTS / "alembic_env.py", folder / "env.py")
    before = None
    for name, migration in zip(_names(migrations), migrations, strict=True):
        text = (
            f'"""{migration.title}"""\nfrom alembic import op\n\nrevision = {migration.revision!r}\n'
            f"down_revision = {before!r}\n\n\ndef upgrade():\n"
            f'    op.execute("""{migration.sql}""")\n\n\ndef downgrade():\n    pass\n'
        )
        (folder / "versions" / f"{name}.py").write_text(text)
        before = migration.revision


def write_dbmate(folder: Path, migrations: Migrations) -> None:
    for name, migration in zip(_names(migrations), migrations, strict=True):
        (folder / f"{name}.sql").write_text(f"-- migrate:up\n{migration.sql}\n-- migrate:down\n")


# ------------------------------------------------------------------------------ histories
def _rows(table: str, columns: str, rows: list[str]) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join(rows)}"


def _hashed(name: str) -> str:
    return f"'{hashlib.sha256(name.encode()).hexdigest()}', '{name}', now()"


def mark_asyncpg_trek(migrations: Migrations) -> str:
    return _rows("migrations", "from_revision, to_revision", [f"('marked', 'r{migrations[-1].revision}')"])


def mark_pogo(migrations: Migrations) -> str:
    rows = [f"({_hashed(name)}, 'public')" for name in _names(migrations)]
    return _rows("_pogo_migration", "migration_hash, migration_id, applied, schema_name", rows)


def mark_yoyo(migrations: Migrations) -> str:
    rows = [f"({_hashed(name)})" for name in _names(migrations)]
    return _rows("_yoyo_migration", "migration_hash, migration_id, applied_at_utc", rows)


def mark_alembic(migrations: Migrations) -> str:
    return f"UPDATE alembic_version SET version_num = '{migrations[-1].revision}'"


def mark_dbmate(migrations: Migrations) -> str:
    return _rows("schema_migrations", "version", [f"('{migration.revision}')" for migration in migrations])


# ------------------------------------------------------------------------------ processes
def _psql(env: Environment, verb: str, folder: Path, dsn: str) -> list[str]:  # noqa: ARG001
    files = [word for name in sorted(folder.iterdir()) for word in ("-f", str(name))]
    return [env.psql or "psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", dsn, *files]


def _command_line(env: Environment, verb: str, folder: Path, dsn: str) -> list[str]:  # noqa: ARG001
    return [env.trek, "migrate", "--dir", str(folder), "--dsn", dsn]


def _dbmate(env: Environment, verb: str, folder: Path, dsn: str) -> list[str]:  # noqa: ARG001
    return [env.dbmate or "dbmate", "--url", dsn, "-d", str(folder), "--no-dump-schema", "migrate"]


PSQL = Tool("psql -1", write_plain, _psql, peer=False)
FLOOR = Tool("asyncpg, one query", write_plain, _python("run_floor"), peer=False, tells=True)
ROWS = Tool(
    "the same with BEGIN, history row, COMMIT each", write_plain, _python("run_rows"), peer=False, each=True, tells=True
)
LOCKED = Tool("asyncpg, polled lock", write_plain, _python("run_locked"), peer=False)
TREK = Tool("trek", write_plain, _python("run_trek"), peer=False, client="run_trek", tells=True, each=True)
TREK_COMMAND = Tool("trek, the command", write_plain, _command_line, peer=False, each=True)
ASYNCPG_TREK = Tool(
    "asyncpg-trek",
    write_asyncpg_trek,
    _python("run_asyncpg_trek"),
    mark_asyncpg_trek,
    client="run_asyncpg_trek",
    tells=True,
)
POGO = Tool("pogo-migrate", write_pogo, _python("run_pogo"), mark_pogo, client="run_pogo", tells=True, each=True)
YOYO = Tool("yoyo", write_plain, _python("run_yoyo"), mark_yoyo, each=True)
ALEMBIC = Tool("alembic", write_alembic, _python("run_alembic"), mark_alembic)
ALEMBIC_EACH = Tool(
    "alembic, a transaction each", write_alembic, _python("run_alembic", "each"), mark_alembic, each=True
)
DBMATE = Tool("dbmate", write_dbmate, _dbmate, mark_dbmate, each=True)
PEERS = (ASYNCPG_TREK, POGO, YOYO, ALEMBIC, DBMATE)
