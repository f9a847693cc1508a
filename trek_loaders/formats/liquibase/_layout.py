"""The folder: a root changelog and what it includes, or every formatted SQL file in the order of the paths."""

from __future__ import annotations

import posixpath
import re
from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import Arrangement, ConfigError, Duplicate, Entry, File, Ignored, Layout, LoadError, Rules
from trek_loaders.formats._files import only_sql, slug, stamp, text_of
from trek_loaders.formats.liquibase._body import script
from trek_loaders.formats.liquibase._master import SUFFIXES, includes, is_master
from trek_loaders.formats.liquibase._match import for_postgresql, matches
from trek_loaders.formats.liquibase._parse import is_formatted, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trek_core.plugin import Script, Tree
    from trek_loaders.formats._settings import ChangelogSettings
    from trek_loaders.formats.liquibase._changeset import Changeset

NAME = "liquibase"


def make_layout(settings: ChangelogSettings) -> Layout:
    """Liquibase runs what has not run, wherever it stands, and passes rows by whose changeset is gone."""
    return Layout(
        arrange=partial(arrange, settings=settings), rules=Rules(out_of_order="allow", missing="warn"), new=new
    )


def arrange(tree: Tree, settings: ChangelogSettings) -> Arrangement:
    """A changeset is a revision. Raises `LoadError` for what cannot be read, `Duplicate` for a changeset twice."""
    order = list(_Order(tree, settings).files())
    given, entries, seen = dict(settings.parameters), list[Entry](), dict[str, File]()
    for file in order:
        for changeset in parse(text_of(tree, file), str(file), settings.prefix + file.path, given):
            if other := seen.get(changeset.revision):
                message = f"Two changesets are {changeset.revision}: in {other} and in {file}. Give one another id."
                raise Duplicate(message, (changeset.revision,))
            seen[changeset.revision] = file
            entries.append(_entry(changeset, file, entries[-1:], settings))
    others = tuple(Ignored(file, _passed_by(file)) for file in tree.files if file not in order)
    return Arrangement(tuple(entries), others)


def _entry(changeset: Changeset, file: File, before: list[Entry], settings: ChangelogSettings) -> Entry:
    always, changed = changeset.yes("runAlways", otherwise=False), changeset.yes("runOnChange", otherwise=False)

    def load(_: Tree) -> Script:
        return script(changeset, str(file))

    def checksums(_: Tree) -> tuple[str, ...]:
        return changeset.checksums()

    return Entry(
        revision=changeset.revision,
        title=changeset.comment,
        files=(file,),
        parents=tuple(entry.revision for entry in before),
        load=load,
        checksums=checksums,
        rerun="always" if always else "changed" if changed else "never",
        skip=_skipped(changeset, settings),
        meta={
            "author": changeset.author,
            "id": changeset.id,
            "path": changeset.path,
            "contexts": _contexts(changeset),
            "labels": ",".join(_labels(changeset)) or None,
            "marks": bool(changeset.preconditions and changeset.preconditions.marks),
        },
    )


def _skipped(changeset: Changeset, settings: ChangelogSettings) -> str | None:
    """Why it does not count in this run."""
    context, dbms = changeset.text("contextFilter", "context"), changeset.text("dbms")
    if changeset.yes("ignore", otherwise=False):
        return "it says ignore:true"
    if dbms and not for_postgresql(dbms):
        return f"it is for dbms {dbms}"
    if context and not matches(context, settings.contexts):
        return f"its context is {context}, and the setting contexts has {', '.join(settings.contexts) or 'none'}"
    if settings.labels and not matches(settings.labels, _labels(changeset)):
        return f"its labels are {', '.join(_labels(changeset)) or 'none'}, and the setting labels is {settings.labels}"
    return None


def _contexts(changeset: Changeset) -> str | None:
    """As the table has them: more than a word in parentheses."""
    found = changeset.text("contextFilter", "context").strip()
    return f"({found})" if re.search(r"[,\s]", found) else found or None


def _labels(changeset: Changeset) -> list[str]:
    return list(dict.fromkeys(one.strip().lower() for one in changeset.text("labels").split(",") if one.strip()))


def _passed_by(file: File) -> str:
    if file.name.endswith((".sql", *SUFFIXES)):
        return "no changelog includes it, and its first line is not `--liquibase formatted sql`"
    return "liquibase takes .sql, .xml, .yaml and .json"


class _Order:
    """The SQL files as Liquibase comes to them."""

    def __init__(self, tree: Tree, settings: ChangelogSettings) -> None:
        self.tree, self.settings, self.by_path = tree, settings, {file.path: file for file in tree.files}

    def files(self) -> Iterator[File]:
        if self.settings.changelog is not None:
            yield from self._below(self.settings.changelog, None, 0, ())
            return
        masters = [file for file in self.tree.files if "/" not in file.path and self._is_master(file)]
        if len(masters) > 1:
            named = ", ".join(file.path for file in masters)
            message = f"{named} could each be the root changelog. Say which: layout setting changelog."
            raise ConfigError(message)
        if masters:
            yield from self._below(masters[0].path, None, 0, ())
            return
        sql = (self.by_path[path] for path in sorted(self.by_path) if path.lower().endswith(".sql"))
        yield from (file for file in sql if is_formatted(text_of(self.tree, file)))

    def _is_master(self, file: File) -> bool:
        return file.name.lower().endswith(SUFFIXES) and is_master(text_of(self.tree, file))

    def _below(self, path: str, by: File | None, line: int, above: tuple[str, ...]) -> Iterator[File]:
        file = self.by_path.get(path)
        if file is None:
            if by is None:
                message = f"layout setting changelog = {path!r}: there is no such file in the folder."
                raise ConfigError(message)
            advice = (
                "Correct the path; where Liquibase searches from above this folder, give the layout setting prefix."
            )
            raise LoadError(str(by), line, f"includes {path}, which is not there", advice)
        if path in above:
            raise LoadError(str(by), line, f"includes {path}, which includes it", "Delete one of them.")
        if not path.lower().endswith(SUFFIXES):
            yield file
            return
        for one in includes(text_of(self.tree, file), str(file)):
            wanted = posixpath.normpath(self._path(one.path, file, relative=one.relative))
            paths = self._folder(wanted) if one.all else [wanted]
            for found in paths:
                yield from self._below(found, file, one.line, (*above, path))

    def _path(self, path: str, file: File, *, relative: bool) -> str:
        path = path.replace("\\", "/").removeprefix("classpath:").lstrip("/")
        if relative:
            return posixpath.join(posixpath.dirname(file.path), path)
        return path.removeprefix(self.settings.prefix)

    def _folder(self, folder: str) -> list[str]:
        below = "" if folder == "." else folder.rstrip("/") + "/"
        return sorted(p for p in self.by_path if p.startswith(below) and p.lower().endswith((".sql", *SUFFIXES)))


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file with one changeset. Raises `ConfigError` where it would not be the last one."""
    only_sql(NAME, kind)
    number = stamp(arrangement)
    name = f"{number}_{slug(title)}.sql"
    root = next((one.file.path for one in arrangement.ignored if one.file.name.endswith(SUFFIXES)), None)
    last = max((file.path for entry in arrangement.entries for file in entry.files), default="")
    if root is not None or last > name:
        why = f"{root} says which files there are" if root else f"{last} comes after it in the order of the paths"
        message = (
            f"a new file {name} would not be the last: {why}. Write the changeset at the end of your last changelog."
        )
        raise ConfigError(message)
    text = f"--liquibase formatted sql\n\n--changeset trek:{number}\n-- the way up\n\n--rollback -- the way back\n"
    return {name: text}
