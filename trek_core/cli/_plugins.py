"""`trek plugins`: what is installed, what it offers, and what is wrong with it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import complain, document, say, table

if TYPE_CHECKING:
    from trek_core._host import PluginInfo


@click.command(
    short_help="List the plugins and what they offer.",
    epilog=examples("trek plugins", "trek plugins --no-plugin asyncpg-trek"),
)
@common
@click.pass_context
def plugins(context: click.Context) -> None:
    """Lists every plugin with its distribution, its hooks and what it offers. A broken one is listed with its error."""
    from trek_core._host import PluginHost  # noqa: PLC0415 - pluggy

    found = PluginHost(blocked=given(context).configuration(choose=False).settings.disable_plugins).describe()
    if given(context).json:
        document({"plugins": [dataclasses.asdict(info) for info in found]})
        return
    if not found:
        say("no plugin is installed")
        return
    table(("name", "distribution", "state", "hooks", "offers"), list(map(_row, found)))
    for info in found:
        if info.error:
            complain(f"{info.name}: {info.error}")


def _row(info: PluginInfo) -> tuple[str, ...]:
    hooks = ", ".join(hook.removeprefix("trek_register_") for hook in info.hooks)
    return info.name, f"{info.distribution} {info.version}".strip(), info.state, hooks, ", ".join(info.offers)
