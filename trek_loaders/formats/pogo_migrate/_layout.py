"""The folder: `.sql` and `.py` files that name those they depend on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import (
    Arrangement,
    Body,
    ConfigError,
    Entry,
    File,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    Source,
)
from trek_loaders.formats._files import below, daily, plain, refuse_two, text_of
from trek_loaders.formats._graph import heads, listed
from trek_loaders.formats._syntax import read_module
from trek_loaders.formats.pogo_migrate._sql import NAME, read_head, read_script
from trek_loaders.python import load_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Mode, Tree


def make_layout(_: NoSettings) -> Layout:
    """pogo-migrate knows no order but the graph's, and passes by what has no file."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow", missing="warn"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By file name, each after what it depends on. Raises `LoadError`, and `Duplicate` for two files of one name."""
    found, others = dict[str, Entry](), list[Ignored]()
    for file in tree.files:
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
            continue
        entry = _entry(file, tree)
        other = found.setdefault(entry.revision, entry)
        if other is not entry:
            refuse_two("are the migration", entry.revision, other.files[0], file)
    order = listed(list(found), {name: entry.parents for name, entry in found.items()})
    return Arrangement(tuple(found[name] for name in order), tuple(others))


def _reason_to_ignore(file: File) -> str:
    if "/" in file.path:
        return below(NAME)
    return "" if file.name.endswith((".sql", ".py")) else f"{NAME} takes .sql and .py"


def _entry(file: File, tree: Tree) -> Entry:
    name, text = str(file), text_of(tree, file)
    revision, _, kind = file.name.rpartition(".")
    if not revision:
        raise LoadError(name, None, "no name in front of its suffix", "Rename the file.")
    if kind == "sql":
        head = read_head(plain(text), name)
        return Entry(
            revision=revision, title=head.title, parents=head.depends, files=(file,), load=partial(_load_sql, file)
        )
    module = read_module(text, name)
    if "__depends__" not in module.assigned:
        raise LoadError(
            name, None, "no `__depends__`, which pogo-migrate asks for", "Write `__depends__ = []`, or the ids."
        )
    mode: Mode = "transaction" if module.truth("__transaction__", True) else "autocommit"
    return Entry(
        revision=revision,
        title=module.title,
        parents=module.texts("__depends__"),
        files=(file,),
        load=partial(_load_python, file, mode),
    )


def _load_sql(file: File, tree: Tree) -> Script:
    return read_script(plain(text_of(tree, file)), str(file))


def _load_python(file: File, mode: Mode, tree: Tree) -> Script:
    source = Source(file, tree.read(file))
    up, down = (Body((load_function(source, name),), mode) for name in ("apply", "rollback"))
    return Script(up, down)


# --------------------------------------------------------------------------- trek new
_SQL = "-- {title}\n-- depends: {depends}\n\n-- migrate: apply\n\n-- migrate: rollback\n\n"
_PYTHON = '''\
"""
{title}
"""

__depends__ = {depends!r}


async def apply(db):
    raise NotImplementedError


async def rollback(db):
    raise NotImplementedError
'''


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file that depends on all heads, named by the day as pogo-migrate names it. Raises `ConfigError`."""
    if kind not in ("sql", "py"):
        message = f"{NAME} has no {kind!r} migrations: its files are sql and py."
        raise ConfigError(message)
    stem, depends = daily(arrangement, title), heads(arrangement)
    title = " ".join(title.split()).replace("\\", "/").replace('"', "'")
    if kind == "py":
        return {f"{stem}.py": _PYTHON.format(title=title, depends=list(depends))}
    return {f"{stem}.sql": _SQL.format(title=title, depends=" ".join(depends)).replace(": \n", ":\n")}
