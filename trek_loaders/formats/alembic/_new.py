"""`trek new` in Alembic's folder: a revision that both tools run."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from trek_core.plugin import Arrangement, ConfigError, PlanError
from trek_loaders.formats._files import slug
from trek_loaders.formats._graph import heads

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = '''\
"""{title}

Revision ID: {revision}
Revises: {revises}
Create Date: {now}
"""
'''
_IDENTIFIERS = """\
revision = {revision!r}
down_revision = {parent!r}
branch_labels = None
depends_on = None


"""
_SQL = '''\

from pathlib import Path

from alembic import op

{identifiers}\
def upgrade():
    run("up")


def downgrade():
    run("down")


def run(way):
    """The SQL that trek runs, too."""
    sql = Path(__file__).with_suffix(f".{{way}}.sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", r"\\:"))
'''
_PYTHON = """\

{identifiers}\
async def upgrade(connection):
    raise NotImplementedError


# For a way back, write this function:
# async def downgrade(connection):
#     ...
"""
_UP = "-- {title}\n\n\n-- For a way back write {stem}.down.sql beside this file.\n"


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """The file that tells Alembic of the revision, and its SQL; or one file with async functions, which only trek runs.

    Raises `ConfigError`, and `PlanError` where several heads leave it open what comes before.
    """
    if kind not in ("sql", "py"):
        message = f"the format alembic makes no {kind!r} files. It makes: sql, py."
        raise ConfigError(message)
    parent, now = _head(arrangement), str(datetime.now(UTC))
    revision = sha256(f"{parent} {title} {now}".encode()).hexdigest()[:12]
    stem, title = f"{revision}_{slug(title)}", " ".join(title.split()).replace("\\", "/").replace('"', "'")
    identifiers = _IDENTIFIERS.format(revision=revision, parent=parent)
    head = _HEAD.format(title=title, revision=revision, revises=parent or "", now=now)
    files = {f"{stem}.py": head + (_SQL if kind == "sql" else _PYTHON).format(identifiers=identifiers)}
    return files | ({f"{stem}.up.sql": _UP.format(title=title, stem=stem)} if kind == "sql" else {})


def _head(arrangement: Arrangement) -> str | None:
    found = heads(arrangement)
    if len(found) > 1:
        message = f"there are several heads: {', '.join(found)}. Join them first: `alembic merge heads`."
        raise PlanError(message, tuple(found))
    return found[0] if found else None
