"""A picture of the revisions: as text for a terminal, as Mermaid, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from trek_core._picture import Edge, Node, Picture, Row

DOT, SQUASH = "●", "◆"
ASCII = str.maketrans(
    {"●": "*", "◆": "#", "│": "|", "─": "-", "├": "|", "┼": "+", "╯": "/", "╮": "\\", "┴": "+", "┬": "+"}
)
"""For a terminal whose encoding has no lines."""


def text(picture: Picture) -> Iterator[tuple[str, Node | None]]:
    """Line by line what stands left of a node's name; None: only lines."""
    for row in picture.rows:
        if row.joins:
            yield _link(row.lane, row.joins, row.before, "╯", "┴"), None
        passing = row.before - {row.lane, *row.joins}
        yield _cells(dict.fromkeys(passing, "│") | {row.lane: SQUASH if row.node.replaces else DOT}), row.node
        if row.opens:
            yield _link(row.lane, row.opens, row.after, "╮", "┬"), None


def _link(lane: int, others: tuple[int, ...], used: frozenset[int], corner: str, tee: str) -> str:
    """From a lane to others, across those between. A lane may lie on either side."""
    every = sorted((lane, *others))
    cells = dict.fromkeys(used, "│")
    for at in range(every[0], every[-1] + 1):
        cells[at] = "┼" if at in used and at not in every else "─"
    for other in others:
        cells[other] = tee
    cells[every[-1]] = corner if every[-1] != lane else {"╯": "┤", "╮": "┤"}[corner]
    cells[every[0]] = "├" if every[0] == lane else {"╯": "╰", "╮": "╭"}[corner]
    return _cells(cells, range(every[0], every[-1]))


def _cells(cells: dict[int, str], dashes: range = range(0)) -> str:
    """Each lane is two columns wide."""
    width = max(cells, default=0) + 1
    return "".join(cells.get(lane, " ") + ("─" if lane in dashes else " ") for lane in range(width)).rstrip()


# --------------------------------------------------------------------------- Mermaid
def mermaid(picture: Picture) -> str:
    """A flowchart, the oldest on top."""
    rows = list(enumerate(picture.rows))[::-1]
    names = {row.node.revision: f"n{at}" for at, row in rows}
    lines = ["flowchart TD"]
    for at, row in rows:
        node = row.node
        left, right = ("{{", "}}") if node.replaces else ("[", "]")
        label = _quoted(node.name) + (f"<br/><small>{_quoted(node.remark)}</small>" if node.remark else "")
        kind = node.state or ("head" if node.head else "replaced" if node.owner else "")
        lines.append(f'    n{at}{left}"{label}"{right}' + (f":::{kind}" if kind in _MERMAID else ""))
    edges = sorted(picture.edges, key=lambda edge: (-edge.parent, -edge.child))
    lines += [f"    n{edge.parent} --> n{edge.child}" for edge in edges]
    lines += [f"    {names[row.node.owner]} -. replaces .- n{at}" for at, row in rows if row.node.owner in names]
    return "\n".join((*lines, *(f"    classDef {kind} {style}" for kind, style in _MERMAID.items())))


_MERMAID = {
    "head": "stroke-width:3px",
    "applied": "stroke:#2e7d32,stroke-width:2px",
    "pending": "stroke:#b26a00,stroke-width:2px,stroke-dasharray:4",
    "replaced": "opacity:0.6",
}


def _quoted(words: str) -> str:
    return "".join(c if c.isprintable() and c not in '"#<>&' else f"#{ord(c)};" for c in words)


# --------------------------------------------------------------------------- SVG
ROW, LANE, LEFT, LETTER = 28, 20, 18, 7.3  # pixels
_STYLE = """\
text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2430; dominant-baseline: central }
.head { font-weight: bold } .remark { fill: #6b7280; font-weight: normal } path { fill: none; stroke: #9aa3b2; stroke-width: 2 }
.node { fill: #4f6bed; stroke: #ffffff; stroke-width: 2 } .replaced { fill: #c3c9d6 }
.applied { fill: #2e9e5b } .pending { fill: #ffffff; stroke: #c77700 } .changed, .missing, .unfinished { fill: #d33c3c }
.back { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8ee } .remark { fill: #9aa3b2 } path { stroke: #5b6475 } .back { fill: #14171f }
  .node { stroke: #14171f } .replaced { fill: #454d5d } .pending { fill: #14171f; stroke: #e0a13a }
}"""


def svg(picture: Picture) -> str:
    """The same picture as on a terminal, for a page. It follows the reader's choice of light or dark."""
    at = LEFT + LANE * picture.lanes
    longest = max((len(f"{row.node.name}  {row.node.remark}") for row in picture.rows), default=0)
    width, height = round(at + LETTER * longest + LEFT * 2), ROW * len(picture.rows) + LEFT
    size = f'width="{width}" height="{height}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img">\n'
        f"<title>The migrations, the newest first</title>\n<style>\n{_STYLE}\n</style>\n"
        f'<rect class="back" {size}/>'
    )
    lanes = [row.lane for row in picture.rows]
    lines = [f'<path d="{_path(edge, lanes)}"/>' for edge in picture.edges]
    return "\n".join((head, *lines, *(_node(row, number, at) for number, row in enumerate(picture.rows)), "</svg>"))


def _place(lane: int, row: int) -> tuple[int, int]:
    return LEFT + LANE * lane, LEFT // 2 + ROW // 2 + ROW * row


def _path(edge: Edge, lanes: list[int]) -> str:
    """Out of the child into its lane, down, and into the parent."""
    (x, y), (to_x, to_y), bend = (
        _place(lanes[edge.child], edge.child),
        _place(lanes[edge.parent], edge.parent),
        ROW // 2,
    )
    if edge.parent == edge.child + 1:
        return f"M{x} {y} C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}"
    lane_x = _place(edge.lane, 0)[0]
    found = f"M{x} {y}"
    if lane_x != x:
        found += f" C{x} {y + bend} {lane_x} {y + bend} {lane_x} {y + ROW}"
    if lane_x == to_x:
        return f"{found} V{to_y}"
    straight = f" V{to_y - ROW}" if to_y - ROW > y else ""
    return f"{found}{straight} C{lane_x} {to_y - bend} {to_x} {to_y - bend} {to_x} {to_y}"


def _node(row: Row, number: int, text_at: int) -> str:
    x, y = _place(row.lane, number)
    node = row.node
    kind = " ".join(filter(None, ("node", "replaced" if node.owner else "", node.state)))
    mark = (
        f'<path d="M{x} {y - 8} l8 8 l-8 8 l-8 -8 z" class="{kind}"/>'
        if node.replaces
        else f'<circle cx="{x}" cy="{y}" r="6" class="{kind}"/>'
    )
    weight = ' class="head"' if node.head else ""
    remark = f'<tspan class="remark" dx="14">{escape(node.remark)}</tspan>' if node.remark else ""
    return f'{mark}<text x="{text_at}" y="{y}"{weight}>{escape(node.name)}{remark}</text>'
