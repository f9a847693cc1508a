"""What a shell completes: revisions from the folder, formats and plugins by name. Nothing of it asks a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from trek_core._config import Configuration
    from trek_core._host import PluginHost

    Named = Iterator[tuple[str, str]]

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
TARGETS = (("head", "all of them"), ("base", "none of them"), ("+1", "one more"), ("-1", "the last one back"))


def _completer(find: Callable[[Configuration, PluginHost], Named]) -> Completer:
    """Names, each with what it is. A folder or a setting that is wrong completes nothing: the command itself says why."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell that asks

        from trek_core._host import PluginHost  # noqa: PLC0415 - pluggy
        from trek_core.cli._options import given  # noqa: PLC0415 - it imports this module

        found: list[CompletionItem] = []
        with suppress(Exception):
            said = given(context).configuration(choose=False)
            host = PluginHost(blocked=said.settings.disable_plugins)
            found += (CompletionItem(n, help=told) for n, told in find(said, host) if n.startswith(begun))
        return found

    return complete


def _revisions(said: Configuration, host: PluginHost) -> Named:
    from trek_core._catalog import arrange  # noqa: PLC0415 - as above
    from trek_core._tree import FolderTree  # noqa: PLC0415

    settings = said.settings
    layout = host.layout(settings.layout or settings.format or "native", settings.layout_settings)
    tree = FolderTree(settings.directory, host.loader_for, suffixes=host.suffixes())
    for entry in arrange(layout, tree).entries:
        yield entry.revision, entry.title


def _targets(said: Configuration, host: PluginHost) -> Named:
    yield from TARGETS
    yield from _revisions(said, host)


def _databases(said: Configuration, _host: PluginHost) -> Named:
    for name in said.databases:
        yield name, ""


def _formats(_said: Configuration, host: PluginHost) -> Named:
    for info in host.describe():
        for offer in info.offers:
            kind, _, name = offer.partition(" ")
            if kind == "layout" and host.has_format(name):
                yield name, info.distribution


def _plugins(_said: Configuration, host: PluginHost) -> Named:
    for info in host.describe():
        yield info.name, info.distribution


def folders(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The shell itself knows them."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - as above

    return [CompletionItem(begun, type="dir")]


revisions, targets, databases = map(_completer, (_revisions, _targets, _databases))
formats, plugins = map(_completer, (_formats, _plugins))
