"""What `alembic upgrade A:B --sql` writes: the SQL of one revision, between what Alembic itself adds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, Direction, LoadError
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction_of, read

if TYPE_CHECKING:
    from trek_core.plugin import Sql
    from trek_loaders.formats.alembic._revision import Revision

_RUNNING = re.compile(r"^-- Running (?P<way>upgrade|downgrade) (?P<before>.*?) ?-> ?(?P<after>.*?)\r?$", re.MULTILINE)
_WAYS = {Direction.up: "upgrade", Direction.down: "downgrade"}
_VERSION = re.compile(
    r"CREATE TABLE \S+ \(\s*version_num VARCHAR\b.*|INSERT INTO \S+ \(version_num\) VALUES \('[^']*'\).*"
    r"|UPDATE \S+ SET version_num='[^']*' WHERE .*|DELETE FROM \S+ WHERE \S+version_num = '[^']*'",
    re.DOTALL,
)


def offline_body(revision: Revision, way: Direction, text: str, file: str) -> Body | None:
    """The statements of the revision, without BEGIN, COMMIT and what is written in the version table.

    None for SQL that Alembic did not write. Raises `LoadError` for another revision's, and for several.
    """
    found = [*_RUNNING.finditer(text)]
    if not found:
        return None
    for one in found:
        name = one["after"] if way is Direction.up else one["before"]
        if (one["way"], name.strip()) != (_WAYS[way], revision.name):
            problem = f"{one[0].strip()}: this file should {_WAYS[way]} {revision.name}, and nothing else"
            advice = f"Make a file for each revision: `alembic {_WAYS[way]} FROM:TO --sql`."
            raise LoadError(file, line_at(text, one.start()), problem, advice)
    statements = [one for one in read("Alembic", text, file) if not _VERSION.fullmatch(one.text)]
    ends = {id(one) for one in (*statements[:1], *statements[-1:]) if one.controls_transaction in ("BEGIN", "COMMIT")}
    kept = [one for one in statements if id(one) not in ends]
    if inner := next((one for one in kept if one.controls_transaction), None):
        raise _inner(inner)
    return in_transaction_of("Alembic", kept)


def _inner(statement: Sql) -> LoadError:
    problem = f"{statement.controls_transaction} between statements: an autocommit_block, which is no one migration"
    return LoadError(statement.file, statement.line, problem, "Make a revision of its own of what is in the block.")
