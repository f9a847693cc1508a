"""`trek new`: the files of a new revision, without a database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, say
from trek_core.errors import ConfigError
from trek_core.model import Arrangement

if TYPE_CHECKING:
    from trek_core import Folders
    from trek_core._config import Settings
    from trek_core._host import Offer, PluginHost
    from trek_core.contracts import Layout

    Numbering = Literal["number", "timestamp"]


@click.command(
    short_help="Write the files of a new revision.",
    epilog=examples(
        'trek new "orders by customer"',
        "trek new backfill --py                Python",
        "trek new users --timestamp            where several people add migrations",
        "trek new users --edit                 and open it in $VISUAL or $EDITOR",
        "trek new audit --template db/table.sql",
    ),
)
@click.argument("title")
@click.option("--py", is_flag=True, help="A Python file with async def upgrade(connection) and downgrade(connection).")
@click.option("--number", "numbering", flag_value="number", help="Number it, whatever the folder's habit is.")
@click.option("--timestamp", "numbering", flag_value="timestamp", help="Name it by the time (UTC).")
@click.option(
    "--template", metavar="FILE", help="What the file begins with; {title} becomes the title.  [new-template]"
)
@click.option("-e", "--edit", is_flag=True, help="Open the files in $VISUAL or $EDITOR.")
@common
@click.pass_context
def new(  # noqa: PLR0917 - click gives them by name
    context: click.Context, title: str, py: bool, numbering: Numbering | None, template: str | None, edit: bool
) -> None:
    """Writes the files of a new revision, after the last one, and prints their paths. No database is needed.

    They are named as those that are there: a number follows a number, a timestamp a timestamp, a pair of files a pair.
    In the folder of another tool they are what that tool would make. Of several folders the first is meant, unless --dir
    says which.
    """
    words = given(context)
    settings = words.settings()
    folder = _folder(settings.directory)
    kind, text = _template(settings, template, py=py)

    def contents() -> Mapping[str, str]:
        found = _contents(settings, folder, title, kind, numbering)
        return found if text is None else {**found, next(iter(found)): text.replace("{title}", title)}

    contents()  # refused before the folder is made
    with _alone(Path(folder)):
        paths = [str(path) for path in write_files(Path(folder), contents())]
    if words.json:
        document({"created": paths})
    else:
        say("\n".join(paths))
    if edit:
        for path in paths:
            click.edit(filename=path)


def _template(settings: Settings, template: str | None, *, py: bool) -> tuple[str, str | None]:
    """What kind the new file is, and what it begins with: of the configuration only a template of that kind."""
    if template and py and not template.endswith(".py"):
        msg = f"--py makes a Python file, and the template {template} is none: leave one of them out."
        raise click.UsageError(msg)
    kind = "py" if py or (template and template.endswith(".py")) else "sql"
    chosen = template or settings.new_template
    if chosen is None or chosen.endswith(".py") != (kind == "py"):
        return kind, None
    try:
        return kind, Path(chosen).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        msg = f"the template {chosen} cannot be read: {reason}"
        raise ConfigError(msg) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One `trek new` at a time in a folder, which is made: two at once would both take the next number."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise not_written(error) from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _folder(directory: Folders) -> str:
    from trek_core._places import folder_of  # noqa: PLC0415 - zip files and what finds packages
    from trek_core._tree import roots_of  # noqa: PLC0415

    return folder_of(roots_of(directory)[0])


def _contents(settings: Settings, folder: str, title: str, kind: str, numbering: Numbering | None) -> Mapping[str, str]:
    from trek_core._blame import blame  # noqa: PLC0415 - with plugins comes pluggy
    from trek_core._host import PluginHost  # noqa: PLC0415

    host = PluginHost(blocked=settings.disable_plugins)
    name = settings.layout or settings.format or "native"
    layout = host.layout(name, settings.layout_settings)
    make = layout.value.new
    if make is None:
        advice = "make the file with its own tool, or write it by hand as that tool wants it."
        msg = f"the layout {name!r} writes no new files: {advice}"
        raise ConfigError(msg)
    if numbering and layout.value.numbered is None:
        msg = f"the layout {name!r} names its files in its own way: leave --{numbering} out."
        raise ConfigError(msg)
    arrangement = _arranged(folder, layout, name, host)
    with blame(layout, "Layout.new"):
        if numbering and layout.value.numbered:
            make = layout.value.numbered(numbering)
        contents = make(arrangement, title, kind)
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
        raise not_written(error) from error
    return paths


def not_written(error: OSError) -> ConfigError:
    return ConfigError(f"{error.filename} cannot be written: {error.strerror}")
