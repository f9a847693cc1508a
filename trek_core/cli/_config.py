"""`trek config`: every setting, and where it comes from."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trek_core._table import dashed, hidden
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, say, table

if TYPE_CHECKING:
    from trek_core._config import Configuration
    from trek_core.cli._options import Given

_NO_FILE = "no trek.toml, and no pyproject.toml with [tool.trek], in this folder or above it"


@click.command(
    short_help="Show every setting, and where it comes from.",
    epilog=examples("trek config", "trek config --database billing", "trek config --json"),
)
@common
@click.pass_context
def config(context: click.Context) -> None:
    """Shows every setting and where it comes from: file and line, variable, option, or the default. Passwords are not
    shown, and no database is needed.
    """
    words = given(context)
    found = words.configuration(choose=False)
    rows = list(_rows(found, words))
    if words.json:
        settings = {key: {"value": value, "from": origin} for key, value, origin in rows}
        file = str(found.found.file) if found.found.file else None
        document({"file": file, "database": found.database, "databases": found.databases, "settings": settings})
        return
    say(f"{found.found.file or _NO_FILE}{_chosen(found)}\n")
    table(("key", "value", "from"), [(key, _toml(value), origin) for key, value, origin in rows])


def _chosen(found: Configuration) -> str:
    if found.database:
        others = ", ".join(name for name in found.databases if name != found.database)
        return f", the database {found.database}{f' (others: {others})' if others else ''}"
    return f", of the databases {', '.join(found.databases)} none is chosen: --database NAME" if found.databases else ""


def _rows(found: Configuration, words: Given) -> Iterator[tuple[str, object, str]]:
    lines = found.found.lines()
    for field in dataclasses.fields(found.settings):
        value, origins = hidden(field.name, getattr(found.settings, field.name)), [_origin(found, field.name, lines)]
        if field.name == "disable_plugins":
            value, more = _left_out(found, words)
            origins = [*filter("default".__ne__, origins), *more] or origins
        yield dashed(field.name), value, ", ".join(origins)


def _left_out(found: Configuration, words: Given) -> tuple[list[str], list[str]]:
    """The plugins to leave out, which add up, and who else says so."""
    variable = os.environ.get("TREK_DISABLE_PLUGINS", "")
    names = [*found.settings.disable_plugins, *filter(None, map(str.strip, variable.split(",")))]
    said = {"--no-plugin": words.no_plugin, "TREK_DISABLE_PLUGINS": variable}
    return list(dict.fromkeys(names)), [name for name, value in said.items() if value]


def _origin(found: Configuration, name: str, lines: Mapping[tuple[str, ...], int]) -> str:
    origin = found.origins.get(name)
    if origin is None or not (origin.source or origin.keys):
        return "default"
    if origin.source:
        return origin.source
    file = found.found.file or Path()
    shown = file.name if file.parent == Path.cwd() else str(file)
    variables = ", ".join(one if os.environ.get(one) else f"{one}, which is not set" for one in origin.variables)
    line = f":{lines[origin.keys]}" if origin.keys in lines else ""
    return f"{shown}{line}{f' ({variables})' if variables else ''}"


def _toml(value: object) -> str:
    """The value as the file would say it; nothing for one that nobody said."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_toml(one)}' for key, one in value.items())}}}" if value else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_toml, value))}]" if value else ""
    import json  # noqa: PLC0415 - only where it is asked for

    return "" if value is None else json.dumps(value, ensure_ascii=False)
