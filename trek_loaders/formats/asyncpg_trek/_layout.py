"""The folder: every revision is an entry, which keeps the edges of its files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from trek_core.plugin import Arrangement, Direction, Entry, File, Layout, PlanError, Script, Tree
from trek_loaders.formats.asyncpg_trek._edges import INITIAL, PATTERN, Edge, parse, read_edges
from trek_loaders.formats.asyncpg_trek._graph import EDGES, Graph
from trek_loaders.formats.asyncpg_trek._load import load_body
from trek_loaders.formats.asyncpg_trek._route import route

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASIDE = "the shortest way from the empty database to a head does not lead over it"
_TEMPLATES = {
    "sql": "-- {source} -> {target}\n",
    "py": (
        "async def run_migration(connection):\n"
        '    """{source} -> {target}."""\n'
        '    raise NotImplementedError("write the migration")\n'
    ),
}


def make_layout() -> Layout:
    """The layout `asyncpg-trek`."""
    return Layout(arrange=arrange, smells=smells, route=route, new=new)


def arrange(tree: Tree) -> Arrangement:
    """Every revision as an entry, in order of discovery from `initial`; then those that no up edge leads to from there.

    An entry owns the up edges that lead to it and the down edges that leave it. One that an empty database would pass by
    does not count as pending: it has a `skip`, and `route` still goes there when asked. Raises what `read_edges` raises.
    """
    edges, ignored = read_edges(tree)
    graph = Graph(edges)
    nodes, on_the_way = graph.nodes(), _on_the_way(graph)
    owned: dict[str, list[Edge]] = {node: [] for node in nodes}
    for edge in edges:
        owned[edge.target if edge.direction is Direction.up else edge.source].append(edge)
    entries = tuple(
        _entry(node, by, tuple(owned[node]), None if node in on_the_way else _ASIDE)
        for node, by in nodes.items()
        if node != INITIAL
    )
    return Arrangement(entries, ignored)


def _on_the_way(graph: Graph) -> set[str]:
    """What an empty database goes through to reach a head; every revision where there is no head to reach."""
    found = graph.discover([INITIAL], Direction.up)
    passed: set[str] = set()
    for head in graph.heads([INITIAL]):
        node = head
        while node not in passed and (edge := found[node]) is not None:
            passed.add(node)
            node = edge.source
    return passed or set(graph.nodes())


def _entry(revision: str, by: Edge | None, edges: tuple[Edge, ...], skip: str | None) -> Entry:
    parent = INITIAL if by is None else by.source
    back = next((edge for edge in edges if edge.direction is Direction.down and edge.target == parent), None)

    def load(tree: Tree) -> Script:
        up = None if by is None else load_body(tree, by)
        return Script(up, None if back is None else load_body(tree, back))

    return Entry(
        revision=revision,
        load=load,
        parents=() if parent == INITIAL else (parent,),
        files=tuple(edge.file for edge in edges),
        skip=skip,
        meta={EDGES: edges},
    )


def smells(tree: Tree) -> str | None:
    """Why the folder is another tool's: numbered files and not one edge."""
    files = sorted(file.name for file in tree.files if file.name.endswith((".sql", ".py")))
    numbered = [name for name in files if re.match(r"\d+[-_.]", name)]
    if not numbered or any(parse(File(name)) for name in files):
        return None
    return f"{numbered[0]} is no edge {PATTERN}; numbered files are the native layout of trek"


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """The files of an edge from the head to a new revision and of the edge back, named by today's date (UTC).

    Raises `PlanError` for a title that makes no usable revision, and where the folder has no single head.
    """
    edges = [edge for entry in arrangement.entries for edge in cast("tuple[Edge, ...]", entry.meta[EDGES])]
    graph = Graph(edges)
    head, slug = _only_head(graph), re.sub(r"\W+", "_", title.lower()).strip("_")
    _refuse_taken(graph, slug, title)
    day = f"{datetime.now(tz=UTC):%Y%m%d}"
    up, down = File(f"{day}_{head}_up_{slug}.{kind}"), File(f"{day}_{slug}_down_{head}.{kind}")
    if parse(up) != Edge(head, slug, Direction.up, up) or parse(down) != Edge(slug, head, Direction.down, down):
        message = (
            f"The title {title!r} makes the name {up.name}, which asyncpg-trek would read as {parse(up)}. "
            'Choose a title without the separate words "up" and "down".'
        )
        raise PlanError(message, (slug,))
    template = _TEMPLATES[kind]
    return {
        up.name: template.format(source=head, target=slug),
        down.name: template.format(source=slug, target=head),
    }


def _only_head(graph: Graph) -> str:
    heads = graph.heads([INITIAL]) or graph.heads(graph.ends(Direction.up)) or ((INITIAL,) if not graph.edges else ())
    if len(heads) != 1:
        found = f"there are {len(heads)}: {', '.join(heads)}" if heads else "up edges only go round in a circle"
        message = f"A new migration starts from the head, and {found}. Name its files yourself: {PATTERN}."
        raise PlanError(message, heads)
    return heads[0]


def _refuse_taken(graph: Graph, slug: str, title: str) -> None:
    if not slug:
        message = f"The title {title!r} has no letter or digit to make a revision of. Choose another."
        raise PlanError(message)
    if slug in graph.nodes():
        message = f"The title {title!r} makes the revision {slug!r}, which is there already. Choose another."
        raise PlanError(message, (slug,))
