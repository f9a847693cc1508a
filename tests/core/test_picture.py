"""The picture of the revisions: lanes that join and part, on a terminal, as Mermaid, as SVG."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.planning import catalog, entry
from trek_core._drawing import mermaid, svg, text
from trek_core._picture import Node, drawn, nodes_of


def chain(*names: str) -> list[Node]:
    parents = [(), *((name,) for name in names)]
    return [Node(revision=name, title="t", parents=before) for name, before in zip(names, parents, strict=False)]


def lines(nodes: list[Node]) -> list[str]:
    return [left if node is None else f"{left} {node.revision}" for left, node in text(drawn(nodes))]


def graph(**parents: str) -> list[Node]:
    return [Node(revision=name, title="t", parents=tuple(before.split())) for name, before in parents.items()]


def test_a_chain_is_one_lane_with_the_newest_on_top() -> None:
    assert lines(chain("1", "2", "3")) == ["● 3", "● 2", "● 1"]


def test_branches_part_and_join() -> None:
    assert lines(graph(a="", b="a", c="a", d="b c")) == ["● d", "├─╮", "│ ● c", "● │ b", "├─╯", "● a"]


def test_two_heads_and_two_roots() -> None:
    assert lines(graph(a="", b="", c="a", d="b")) == ["● d", "│ ● c", "● │ b", "  ● a"]


def test_three_parents_and_lines_that_cross() -> None:
    assert lines(graph(a="", b="", c="", d="a b c", e="a", f="e d")) == [
        "● f",
        "├─╮",
        "● │ e",
        "│ ● d",
        "│ ├─┬─╮",
        "│ │ │ ● c",
        "│ │ ● b",
        "├─╯",
        "● a",
    ]


def test_a_lane_that_joins_one_on_its_left_runs_across_those_between() -> None:
    found = lines(graph(a="", b="", c="b", d="a", e="b", f="a"))
    assert found == ["● f", "│ ● e", "│ │ ● d", "│ │ │ ● c", "│ ├─┼─╯", "│ ● │ b", "├───╯", "● a"]


def test_a_squash_has_a_mark_of_its_own_and_remarks_say_the_rest() -> None:
    squash = entry("2.1", replaces=("1", "2"))
    nodes = nodes_of(catalog(entry("1"), entry("2", "1"), squash, entry("3", "2")), {"1": "applied"})
    assert {node.revision: node.remark for node in nodes} == {
        "1": "replaced by 2.1, applied",
        "2": "replaced by 2.1",
        "2.1": "squash of 1..2",
        "3": "head",
    }
    assert [left for left, node in text(drawn(nodes)) if node and node.replaces] == ["│ ◆"]


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), max_size=12))
def test_every_line_leads_from_a_revision_to_one_that_it_builds_on(choices: list[list[int]]) -> None:
    """Read from the picture as a reader would: down the lanes, along the links."""
    nodes = [
        Node(revision=str(at), title="", parents=tuple(dict.fromkeys(str(n % at) for n in some if at)))
        for at, some in enumerate(choices)
    ]
    picture = drawn(nodes)
    wanted = {(node.revision, parent) for node in nodes for parent in node.parents}
    names = [row.node.revision for row in picture.rows]
    assert {(names[edge.child], names[edge.parent]) for edge in picture.edges} == wanted
    assert len(picture.edges) == len(wanted)
    assert [left for left, node in text(picture) if node and not re.fullmatch(r"[│ ]*●[│ ]*", left)] == []
    for row, below in pairwise(picture.rows):
        assert row.after == below.before
    ET.fromstring(svg(picture))


def test_mermaid_has_every_node_and_edge_and_its_names_are_escaped() -> None:
    nodes = [Node(revision="1", title='a "b" <c> #d'), Node(revision="2", title="two", parents=("1",), head=True)]
    assert mermaid(drawn(nodes)).splitlines()[:4] == [
        "flowchart TD",
        '    n1["1 a #34;b#34; #60;c#62; #35;d"]',
        '    n0["2 two<br/><small>head</small>"]:::head',
        "    n1 --> n0",
    ]


def test_the_svg_is_xml_with_a_mark_a_name_and_the_lines() -> None:
    nodes = [
        *graph(a="", b="a", c="a"),
        Node(revision="<d>", title="&", parents=("b", "c"), head=True, state="pending"),
    ]
    found = ET.fromstring(svg(drawn(nodes)))
    space = "{http://www.w3.org/2000/svg}"
    assert ["".join(one.itertext()) for one in found.iter(f"{space}text")] == [
        "<d> &head, pending",
        "c t",
        "b t",
        "a t",
    ]
    assert len(list(found.iter(f"{space}circle"))) == 4
    assert len(list(found.iter(f"{space}path"))) == 4
    for one in found.iter(f"{space}circle"):
        assert 0 < float(one.attrib["cx"]) < float(found.attrib["width"])
        assert 0 < float(one.attrib["cy"]) < float(found.attrib["height"])


@pytest.mark.parametrize("number", [0, 3000])
def test_none_and_very_many(number: int) -> None:
    picture = drawn(chain(*(f"{n:05}" for n in range(number))))
    assert (picture.lanes, len(picture.rows)) == (1, number)
    assert len(list(text(picture))) == number
