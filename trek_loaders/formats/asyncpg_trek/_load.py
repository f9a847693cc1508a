"""What an edge's own file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Body, Direction, LoadError, Source
from trek_loaders.python import load_function

if TYPE_CHECKING:
    from trek_core.plugin import Tree
    from trek_loaders.formats.asyncpg_trek._edges import Edge


def load_body(tree: Tree, edge: Edge) -> Body:
    """The whole of a `.sql`; `run_migration(connection)` of a `.py`. Nothing runs yet. Raises `LoadError`."""
    if edge.file.name.endswith(".py"):
        source = Source(edge.file, tree.read(edge.file), edge.direction)
        return Body((load_function(source, "run_migration"),))
    script = tree.load(edge.file, edge.direction)
    body = script.up if edge.direction is Direction.up else script.down
    if body is None:
        raise LoadError(
            str(edge.file), None, f"holds nothing to go {edge.direction.value} with", "Write its statements."
        )
    return body
