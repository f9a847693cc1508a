"""`trek new`: the files of a new revision, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, say
from trek_core.errors import ConfigError
from trek_core.model import Arrangement

if TYPE_CHECKING:
    from trek_core._config import Settings
    from trek_core._host import Offer, PluginHost
    from trek_core.contracts import Layout


@click.command(
    short_help="Write the files of a new revision.",
    epilog=examples('trek new "orders by customer"', "trek new backfill --py"),
)
@click.argument("title")
@click.option("--py", is_flag=True, help="A Python file with async def upgrade(connection) and downgrade(connection).")
@common
@click.pass_context
def new(context: click.Context, title: str, py: bool) -> None:
    """Writes the files of a new revision, after the last one, and prints their paths. No database is needed."""
    settings = given(context).settings()
    paths = [
        str(path) for path in write_files(Path(settings.directory), _contents(settings, title, "py" if py else "sql"))
    ]
    if given(context).json:
        document({"created": paths})
    else:
        say("\n".join(paths))


def _contents(settings: Settings, title: str, kind: str) -> Mapping[str, str]:
    from trek_core._blame import blame  # noqa: PLC0415 - with plugins comes pluggy
    from trek_core._host import PluginHost  # noqa: PLC0415

    host = PluginHost(blocked=settings.disable_plugins)
    name = settings.layout or settings.format or "native"
    layout = host.layout(name, settings.layout_settings)
    if layout.value.new is None:
        advice = "make the file with its own tool, or write it by hand as that tool wants it."
        msg = f"the layout {name!r} writes no new files: {advice}"
        raise ConfigError(msg)
    arrangement = _arranged(settings.directory, layout, name, host)
    with blame(layout, "Layout.new"):
        contents = layout.value.new(arrangement, title, kind)
    _check(layout, contents)
    return contents


def _check(layout: Offer[Layout], contents: object) -> None:
    """Raises `PluginContractError`: a name and a text each, and nothing outside the folder."""
    from trek_core._blame import breach, shown  # noqa: PLC0415 - with plugins comes pluggy

    where, want = "Layout.new", "want a mapping of file names below the folder to texts"
    if not isinstance(contents, Mapping) or not all(
        isinstance(part, str) for pair in contents.items() for part in pair
    ):
        breach(layout, where, f"gave {shown(contents)}, {want}")
    for name in contents:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts or not PurePath(name).name:
            breach(layout, where, f"gave the name {name!r}, {want}")


def _arranged(directory: str, layout: Offer[Layout], name: str, host: PluginHost) -> Arrangement:
    from trek_core._catalog import arrange, smell  # noqa: PLC0415 - with plugins comes pluggy
    from trek_core._tree import FolderTree  # noqa: PLC0415

    if not Path(directory).exists():
        return Arrangement(())
    tree = FolderTree(directory, host.loader_for, suffixes=host.suffixes())
    if found := smell(layout, tree):
        msg = (
            f"the folder {directory!r} does not fit the format {name!r}: {found}.\n"
            'Name the format that it has (format = "…" in [tool.trek], or --format), or another folder with --dir.'
        )
        raise ConfigError(msg)
    return arrange(layout, tree)


def write_files(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Path below the folder -> content; gives the paths. Overwrites nothing. Raises `ConfigError`."""
    paths = [folder / name for name in contents]
    if taken := next((path for path in paths if path.exists()), None):
        msg = (
            f"{taken} is there already: trek writes new files only, and wrote none. Remove it, or choose another name."
        )
        raise ConfigError(msg)
    try:
        for path, content in zip(paths, contents.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(content)
    except OSError as error:
        msg = f"{error.filename} cannot be written: {error.strerror}"
        raise ConfigError(msg) from error
    return paths
