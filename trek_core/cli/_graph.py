"""`trek graph`: the revisions as a picture."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, plain, say, styled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core._config import Settings
    from trek_core._picture import Node

QUIET = "bright_black"
COLOURS = {"applied": "green", "pending": "yellow", "changed": "red", "missing": "red", "unfinished": "red"}


@click.command(
    short_help="Draw the revisions, and what each builds on.",
    epilog=examples(
        "trek graph",
        "trek graph --status              with what is applied and what is pending",
        "trek graph --mermaid             for a page of GitHub",
        "trek graph --svg > graph.svg",
    ),
)
@click.option("--mermaid", "form", flag_value="mermaid", help="As a Mermaid flowchart.")
@click.option("--svg", "form", flag_value="svg", help="As an SVG picture.")
@click.option("--status", is_flag=True, help="Ask the database what is applied.")
@common
@click.pass_context
def graph(context: click.Context, form: str | None, status: bool) -> None:
    """Draws the revisions, the newest on top: branches, squashes, heads. No database is needed, but for --status."""
    from trek_core import _drawing, _picture  # noqa: PLC0415 - asked for by no run

    settings = given(context).settings()
    nodes = _nodes(settings, _states(settings) if status else {})
    picture = _picture.drawn(nodes)
    if given(context).json:
        document({"revisions": [{**dataclasses.asdict(node), "remark": node.remark} for node in nodes]})
    elif form == "mermaid":
        say(_drawing.mermaid(picture))
    elif form == "svg":
        say(_drawing.svg(picture))
    else:
        say("\n".join(_line(lines, node) for lines, node in _drawing.text(picture)))


def _nodes(settings: Settings, states: Mapping[str, str]) -> tuple[Node, ...]:
    from trek_core import _picture  # noqa: PLC0415 - pluggy
    from trek_core._host import PluginHost  # noqa: PLC0415
    from trek_core._offline import catalog_of  # noqa: PLC0415

    host = PluginHost(blocked=settings.disable_plugins)
    layout = host.layout(settings.layout or settings.format or "native", settings.layout_settings)
    return _picture.nodes_of(catalog_of(settings.directory, host, layout)[1], states)


def _states(settings: Settings) -> dict[str, str]:
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio, where a database is asked

    found = _database.run(_database.migrator(settings).status())
    return {one.revision: one.state for one in found.revisions if one.state not in ("replaced", "skipped")}


def _line(lines: str, node: Node | None) -> str:
    from trek_core._drawing import ASCII  # noqa: PLC0415 - as above

    try:
        lines.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        lines = lines.translate(ASCII)
    if node is None:
        return lines
    remark = f"  ({node.remark})" if node.remark else ""
    style = COLOURS.get(node.state, QUIET if node.owner else "")
    return f"{lines} {styled(plain(node.name), style)}{styled(remark, QUIET)}"
