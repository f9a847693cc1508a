"""Which tool a folder and a database belong to, by the signs of all that are known. Pure but for reading files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from trek_core._dataclass import dataclass

if TYPE_CHECKING:
    from trek_core._signs import FileSign, FoundTable, Signs, TableSign
    from trek_core.contracts import Tree
    from trek_core.model import File

OWN_FILE, OWN_TABLE, FITS, RENAMED = 4, 4, 2, 1
"""What a proof weighs: a file, or a table, that no other tool has, names that fit, a table of another name."""
DISTINCT = 3
"""So many columns tell a table by themselves, whatever its name is, and when somebody has added one."""
LISTED = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tool that something speaks for. files, tables: what, in words. table: the best of its tables."""

    signs: Signs
    files: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    table: FoundTable | None = None
    weight: tuple[int, int] = (0, 0)
    """Of the files, and of the table."""

    @property
    def tool(self) -> str:
        return self.signs.tool

    @property
    def reasons(self) -> tuple[str, ...]:
        return (*self.files, *self.tables)


class Texts:
    """A tree's files as texts, each read once; none of a big one."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._known: dict[File, str] = {}

    def of(self, file: File) -> str:
        if file not in self._known:
            content = b"" if self.tree.big(file) else self.tree.read(file)
            self._known[file] = content.decode("utf-8", "replace").replace("\r\n", "\n")
        return self._known[file]


def candidates(signs: Iterable[Signs], texts: Texts | None, tables: Sequence[FoundTable]) -> list[Candidate]:
    """What speaks for which tool, the most convincing first; equals in the order of the signs. texts None: no folder."""
    found = [_judged(one, texts, tables) for one in signs]
    return sorted((one for one in found if any(one.weight)), key=lambda one: (-sum(one.weight), -one.weight[0]))


def _judged(signs: Signs, texts: Texts | None, tables: Sequence[FoundTable]) -> Candidate:
    files = [] if texts is None else list(_files(signs, texts))
    proofs = sorted(_tables(signs, tables), key=lambda proof: (-proof[0], not proof[1].visible))
    return Candidate(
        signs,
        tuple(says for _, says in files),
        tuple(says for _, _, says in proofs),
        proofs[0][1] if proofs else None,
        (max((weight for weight, _ in files), default=0), proofs[0][0] if proofs else 0),
    )


# --------------------------------------------------------------------------- the folder
def weigh(signs: Signs, texts: Texts) -> int:
    """What a folder alone weighs for a tool."""
    return max((weight for weight, _ in _files(signs, texts)), default=0)


def _files(signs: Signs, texts: Texts) -> Iterator[tuple[int, str]]:
    for sign in signs.files:
        found = list(_having(sign, texts))
        if sign.own and found:
            yield OWN_FILE, f"{sign.says} ({_listed(found)})"
        elif found and all(file in found for file in texts.tree.files if file.name.endswith(".sql")):
            yield FITS, sign.says


def _having(sign: FileSign, texts: Texts) -> Iterator[File]:
    name, text = re.compile(sign.name, re.DOTALL), re.compile(sign.text, re.MULTILINE)
    for file in texts.tree.files:
        if name.fullmatch(file.path) and (not sign.text or text.search(texts.of(file))):
            yield file


def _listed(files: Sequence[File]) -> str:
    more = f" and {len(files) - LISTED} more" if len(files) > LISTED else ""
    return ", ".join(file.path for file in files[:LISTED]) + more


# --------------------------------------------------------------------------- the table
def _tables(signs: Signs, tables: Sequence[FoundTable]) -> Iterator[tuple[int, FoundTable, str]]:
    for table in tables if signs.tables else ():
        weight, sign = max(((_fits(sign, table, tables), sign) for sign in signs.tables), key=lambda one: one[0])
        if weight:
            where = "" if table.visible or sign.schema == table.schema else ", which the search_path does not find"
            renamed = "" if weight == OWN_TABLE else f", named {sign.table} by default"
            yield weight, table, f"the columns of the table {table.name}{renamed}{where}"


def _fits(sign: TableSign, table: FoundTable, tables: Sequence[FoundTable]) -> int:
    near = {other.table for other in tables if other.schema == table.schema}
    if (sign.beside and sign.beside not in near) or (sign.without and sign.without in near):
        return 0
    if not all(_has(table, column, kinds) for column, kinds in sign.columns.items()):
        return 0
    exact = set(table.columns) <= {*sign.columns, *sign.more}
    named = table.table == sign.table and sign.schema in (None, table.schema)
    distinct = len(sign.columns) >= DISTINCT
    if named and (exact or distinct):
        return OWN_TABLE
    return RENAMED if exact and distinct else 0


def _has(table: FoundTable, column: str, kinds: tuple[str, ...]) -> bool:
    return column in table.columns and (not kinds or table.columns[column] in kinds)


# --------------------------------------------------------------------------- a query
def holders_query(keys: Iterable[int]) -> str:
    listed = ", ".join(str(key) for key in keys)
    return (
        "SELECT pg_catalog.jsonb_build_object('pid', l.pid, 'user', a.usename, 'application', a.application_name)"
        " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_catalog.pg_backend_pid()"
        " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        f" AND (l.classid::bigint << 32 | l.objid::bigint) IN ({listed})"
    )
