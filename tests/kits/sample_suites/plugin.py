"""A plugin as an author has it: a loader of files with a statement a line, and a layout of files named by day."""

from __future__ import annotations

import hashlib
import re
from functools import partial

from trek_core.plugin import (
    Arrangement,
    Body,
    Entry,
    File,
    Ignored,
    Layout,
    Loader,
    LoadError,
    Script,
    Source,
    Sql,
    Tree,
    decode,
)

DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.lines")


def load(source: Source) -> Script:
    lines = [line.strip() for line in re.split(r"\r\n|[\r\n]", decode(source))]
    if wrong := [number for number, line in enumerate(lines, 1) if line.endswith(";")]:
        raise LoadError(str(source.file), wrong[0], "a semicolon ends the line", "Leave it out: a line is a statement.")
    found = tuple(Sql(line, str(source.file), number) for number, line in enumerate(lines, 1) if line)
    if not found:
        raise LoadError(str(source.file), None, "there is no statement in it", "Write one.")
    return Script(Body(found))


def checksums(file: File, tree: Tree) -> tuple[str, ...]:
    return (hashlib.sha256(tree.read(file)).hexdigest(),)


def arrange(tree: Tree) -> Arrangement:
    entries: list[Entry] = []
    ignored: list[Ignored] = []
    for file in sorted(tree.files, key=str):
        if found := DAY.fullmatch(file.path):
            before = tuple(entry.revision for entry in entries[-1:])
            script, sums = partial(_script, file), partial(checksums, file)
            entries.append(Entry(revision=found[1], files=(file,), parents=before, load=script, checksums=sums))
        elif file.name.endswith(".lines"):
            raise LoadError(str(file), None, "it is not named by a day", "Rename it: 2026-01-31.lines.")
        else:
            ignored.append(Ignored(file, "not a file of lines"))
    return Arrangement(tuple(entries), tuple(ignored))


def _script(file: File, tree: Tree) -> Script:
    return tree.load(file)


LOADER = Loader("lines", (".lines",), load)
LAYOUT = Layout(arrange=arrange)
