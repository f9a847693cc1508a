"""The folder: `.sql` files, a way back `.rollback.sql` beside each, and files in Python, which only yoyo runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import (
    Arrangement,
    Body,
    Entry,
    File,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    replace,
)
from trek_loaders.formats._files import below, daily, only_sql, plain, refuse_two, text_of
from trek_loaders.formats._graph import heads, listed
from trek_loaders.formats._syntax import read_module
from trek_loaders.formats.yoyo._sql import NAME, read_body, read_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Tree

_BACK = ".rollback.sql"
_AFTER = "post-apply"
_NO_BOM = "yoyo sends it to the server, which refuses it"


def make_layout(_: NoSettings) -> Layout:
    """The order is the graph's alone, and yoyo passes by a row that has no file."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow", missing="warn"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By file name, each after what it depends on; what runs after all others first, and with all of them in front.

    Raises `LoadError`, and `Duplicate` for two files of one name.
    """
    backs = {file.name.removesuffix(_BACK): file for file in tree.files if _is_back(file)}
    found, others = dict[str, Entry](), list[Ignored]()
    for file in tree.files:
        if _is_back(file):
            continue
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
            continue
        entry = _entry(file, backs.pop(file.name.removesuffix(".sql"), None), tree)
        other = found.setdefault(entry.revision, entry)
        if other is not entry:
            refuse_two("are the migration", entry.revision, other.files[0], file)
    others += [Ignored(file, f"a way back without {name}.sql, which {NAME} never runs") for name, file in backs.items()]
    order = listed(list(found), {name: entry.parents for name, entry in found.items()})
    after = [found[name] for name in order if not found[name].recorded]
    usual = tuple(found[name] for name in order if found[name].recorded)
    ends = tuple(heads(Arrangement(usual)))
    return Arrangement((*(replace(one, parents=ends) for one in after), *usual), tuple(others))


def _is_back(file: File) -> bool:
    return "/" not in file.path and file.name.endswith(_BACK)


def _reason_to_ignore(file: File) -> str:
    if "/" in file.path:
        return below(NAME)
    if file.name.startswith("_tmp_yoyonew"):
        return "a file that yoyo itself is about to write"
    return "" if file.name.endswith((".sql", ".py")) else f"{NAME} takes .sql and .py"


def _entry(file: File, back: File | None, tree: Tree) -> Entry:
    name, (revision, _, kind) = str(file), file.name.rpartition(".")
    if not revision:
        raise LoadError(name, None, "no name in front of its suffix", "Rename the file.")
    text, after = plain(text_of(tree, file, bom=_NO_BOM)), revision.startswith(_AFTER)
    files = (file, back) if back else (file,)
    if kind == "sql":
        head = read_head(text, name)
        title, depends = head.title, head.depends
    else:
        module = read_module(text, name)
        title, depends = module.title, module.texts("__depends__")
    return Entry(
        revision=revision,
        title=title,
        parents=() if after else depends,
        files=files,
        load=partial(_load, files),
        rerun="always" if after else "never",
        recorded=not after,
    )


def _load(files: tuple[File, ...], tree: Tree) -> Script:
    """Both ways; a file without a way back does nothing on it, as in yoyo. Raises `LoadError` for one in Python."""
    file, *back = files
    if file.name.endswith(".py"):
        advice = "Run it with `yoyo apply`, or `yoyo rollback`, and go on with trek; or rewrite it in SQL under the same name."
        raise LoadError(str(file), None, "steps in Python, which only yoyo runs", advice)
    text = plain(text_of(tree, file, bom=_NO_BOM))
    transaction = read_head(text, str(file)).transaction
    way_back = Body((), "transaction")
    if back:
        sql = plain(text_of(tree, back[0], bom=_NO_BOM))
        way_back = read_body(sql, str(back[0]), transaction=transaction)
    return Script(read_body(text, str(file), transaction=transaction), way_back)


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file that depends on all heads, named by the day as yoyo names it. Raises `ConfigError`."""
    only_sql(NAME, kind)
    usual = Arrangement(tuple(one for one in arrangement.entries if one.recorded))
    stem, depends = daily(arrangement, title), " ".join(heads(usual))
    return {f"{stem}.sql": f"-- {' '.join(title.split())}\n-- depends: {depends}\n\n"}
