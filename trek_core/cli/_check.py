"""`trek check`: what is wrong with the folder, without a database."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from trek_core.cli._exit import DONE, FOUND
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, plain, say

if TYPE_CHECKING:
    from trek_core import Checked, Finding
    from trek_core._config import Settings

_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}


@click.command(
    short_help="Check the folder, without a database.",
    epilog=examples(
        "trek check",
        "trek check --against origin/main     none there edited, the new at the end",
        "trek check --reversible --strict",
        "trek check --against origin/main --github",
    ),
)
@click.option("--against", metavar="REF", help="A branch or commit of git to compare the folder with.")
@click.option("--reversible", is_flag=True, help="A revision without a way down is an error.")
@click.option("--strict", is_flag=True, help="Exit code 9 for warnings, too.")
@click.option("--github", is_flag=True, help="As annotations of GitHub's workflows.")
@common
@click.pass_context
def check(context: click.Context, against: str | None, reversible: bool, strict: bool, github: bool) -> int:
    """Loads every file and looks at the order: names, numbers, cycles, heads, ways down. No database is needed."""
    found = _checked(given(context).settings(), reversible=reversible, against=against)
    if given(context).json:
        document(_as_json(found))
    elif github:
        say("\n".join((*map(_annotation, found.findings), _summary(found))))
    else:
        lines = [line for one in found.findings for line in (plain(str(one)), f"    {plain(one.advice)}")]
        say("\n".join((*lines, _summary(found))))
    return FOUND if found.errors or (strict and found.warnings) else DONE


def _checked(settings: Settings, *, reversible: bool, against: str | None) -> Checked:
    from trek_core._check import check_with  # noqa: PLC0415 - pluggy
    from trek_core._host import PluginHost  # noqa: PLC0415
    from trek_core.cli._database import rules_of  # noqa: PLC0415

    host = PluginHost(blocked=settings.disable_plugins)
    layout = host.layout(settings.layout or settings.format or "native", settings.layout_settings)
    rules = rules_of(settings, layout.value.rules)
    return check_with(settings.directory, host, layout, rules, reversible=reversible, against=against)


def _summary(found: Checked) -> str:
    levels = [one.level for one in found.findings]
    said = [count(levels.count(level), level) for level in ("error", "warning", "note") if level in levels]
    heads = f", {'head' if len(found.heads) == 1 else 'heads'} {', '.join(found.heads)}" if found.heads else ""
    return f"{count(len(found.revisions), 'revision')}{heads}: {', '.join(said) or 'nothing found'}"


def _annotation(one: Finding) -> str:
    """A workflow command; GitHub wants these characters escaped."""
    place = f"file={_escaped(one.path, ':,')}" + (f",line={one.line}" if one.line else "")
    text = _escaped(f"{one.message}\n{one.advice}")
    return f"::{_GITHUB[one.level]} {place},title=trek check {one.name}::{text}"


def _escaped(text: str, more: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in text)


def _as_json(found: Checked) -> dict[str, object]:
    findings = [dataclasses.asdict(one) for one in found.findings]
    return {"directory": found.directory, "revisions": found.revisions, "heads": found.heads, "findings": findings}
