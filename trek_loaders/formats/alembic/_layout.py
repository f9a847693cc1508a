"""The folder: a revision a `.py` file, and the SQL of either way beside it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import (
    Arrangement,
    Body,
    Direction,
    Duplicate,
    Entry,
    File,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    dataclass,
)
from trek_loaders.formats._files import below, text_of
from trek_loaders.formats._graph import listed
from trek_loaders.formats.alembic._new import new
from trek_loaders.formats.alembic._offline import offline_body
from trek_loaders.formats.alembic._revision import Revision, read_revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Tree

NAME = "alembic"
_SQL = re.compile(r"(?P<stem>.+)\.(?P<way>up|down)\.sql", re.DOTALL)


def make_layout(_: NoSettings) -> Layout:
    """Alembic knows no order but the graph's, so nothing is out of order."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """In the order of the graph, branches by file name.

    Raises `LoadError` for a file that is no revision, and for SQL of none; `Duplicate` for a revision twice.
    """
    revisions, sql, others = dict[str, _Found](), dict[str, dict[Direction, File]](), list[Ignored]()
    for file in tree.files:
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
        elif match := _SQL.fullmatch(file.name):
            sql.setdefault(match["stem"], {})[Direction(match["way"])] = file
        else:
            _add(revisions, file, tree)
    for found in revisions.values():
        found.sql.update(sql.pop(found.file.name.removesuffix(".py"), {}))
    if sql:
        raise _nobodys(sql)
    order = listed(list(revisions), _parents(revisions))
    return Arrangement(tuple(_entry(revisions[name]) for name in order), tuple(others))


@dataclass(frozen=True, slots=True)
class _Found:
    file: File
    said: Revision
    sql: dict[Direction, File]


def _reason_to_ignore(file: File) -> str:
    if "/" in file.path:
        return below("Alembic, unless it is recursive_version_locations,")
    if file.name.startswith("__init__"):
        return "marks a Python package"
    return "" if file.name.endswith((".py", ".sql")) else "neither .py nor .sql"


def _add(revisions: dict[str, _Found], file: File, tree: Tree) -> None:
    if file.name.endswith(".sql"):
        raise _nobodys({file.name.removesuffix(".sql"): {Direction.up: file}})
    said = read_revision(text_of(tree, file), str(file))
    other = revisions.setdefault(said.name, _Found(file, said, {}))
    if other.file != file:
        message = f"Two files have the revision {said.name}: {other.file} and {file}. Give one of them another."
        raise Duplicate(message, (said.name,))


def _nobodys(sql: Mapping[str, Mapping[Direction, File]]) -> LoadError:
    stem, files = next(iter(sql.items()))
    problem = f"SQL of no revision: it is no .up.sql or .down.sql of a file {stem}.py"
    advice = "Name it as the revision's own file, or move it into a sub-folder. `trek new TITLE` writes both."
    return LoadError(str(next(iter(files.values()))), None, problem, advice)


def _parents(revisions: Mapping[str, _Found]) -> dict[str, list[str]]:
    """By revision, where a branch label stands for it."""
    labelled = {label: name for name, found in revisions.items() for label in found.said.labels}
    return {name: [labelled.get(one, one) for one in found.said.parents] for name, found in revisions.items()}


def _entry(found: _Found) -> Entry:
    said = found.said
    return Entry(
        revision=said.name,
        title=said.title,
        parents=said.parents,
        aliases=said.labels,
        files=(found.file, *found.sql.values()),
        load=partial(_load, found),
    )


# --------------------------------------------------------------------------- what runs
def _load(found: _Found, tree: Tree) -> Script:
    """From its own async functions, or from the SQL beside it. Raises `LoadError` for operations of Alembic's."""
    if found.said.own:
        if found.sql:
            problem = f"an async `upgrade`, and SQL beside it: {', '.join(map(str, found.sql.values()))}"
            raise LoadError(str(found.file), None, problem, "Keep one of the two.")
        return tree.load(found.file)
    if Direction.up not in found.sql:
        raise _operations(found)
    return Script(_body(found, Direction.up, tree), _body(found, Direction.down, tree))


def _body(found: _Found, way: Direction, tree: Tree) -> Body | None:
    file = found.sql.get(way)
    if file is None:
        return None
    made = offline_body(found.said, way, text_of(tree, file), str(file))
    if made is not None:
        return made
    script = tree.load(file, way)
    return script.up if way is Direction.up else script.down


def _operations(found: _Found) -> LoadError:
    said, stem = found.said, found.file.name.removesuffix(".py")
    problem = f"revision {said.name} is written in Alembic's operations, which only Alembic runs"
    before = said.parents[0] if len(said.parents) == 1 else "base" if not said.parents else "PARENT"
    advice = (
        f"Run `alembic upgrade {said.name}`, or `alembic downgrade`, and then trek. Or put its SQL beside it, once: "
        f"`alembic upgrade {before}:{said.name} --sql > {stem}.up.sql`, and "
        f"`alembic downgrade {said.name}:{before} --sql > {stem}.down.sql`."
    )
    return LoadError(str(found.file), None, problem, advice)
