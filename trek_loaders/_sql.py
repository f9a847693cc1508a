"""The loader of `.sql` files: one file with both ways, or a file for each.

Everything after a line `-- trek: down` is the way back. A way back that is there but holds no statement means that
there is nothing to do on it; without one there is no way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Body, Direction, LoadError, Script, Source, dataclass, decode
from trek_loaders._bodies import make_body, shorten
from trek_loaders._directives import NOTHING, read_directives
from trek_loaders._lexer import split, split_and_notes
from trek_loaders._scanner import Note, Scanner

if TYPE_CHECKING:
    from trek_core.plugin import Copy, Sql
    from trek_loaders._directives import Directives


def load(source: Source) -> Script:
    """The script of an SQL file. `source.direction` makes the whole content that direction.

    Raises `LoadError` for text that the splitter refuses, for directives that are wrong or out of place, and for
    statements that trek cannot run in the file's mode, or would lose its lock by.
    """
    text, file = decode(source), str(source.file)
    found, notes = split_and_notes(text, file)
    down = down_line(text, file, notes, source.direction)
    if source.direction is Direction.down:
        return Script(up=None, down=_load(Section(text, file, notes, Direction.down), found)[1])
    if down is None:
        directives, up = _load(Section(text, file, notes, Direction.up), found)
        return Script(up, irreversible=directives.irreversible)
    section = Section(text[: down.start], file, [note for note in notes if note.start < down.start], Direction.up)
    way_back = Section(text, file, [note for note in notes if note.start > down.start], Direction.down, down.end)
    before, behind = _parted(found, down, section, way_back)
    directives, up = _load(section, before)
    if directives.irreversible:
        raise contradiction(section)
    return Script(up, _load(way_back, behind)[1])


def _parted(found: list[Sql | Copy], down: Note, *sections: Section) -> list[list[Sql | Copy]]:
    """The statements of each section; read anew where the line is what ends one, since its semicolon was left out."""
    parts = ([one for one in found if one.offset < down.start], [one for one in found if one.offset > down.start])
    if parts[0] and parts[0][-1].offset + len(parts[0][-1].text) > down.start:
        return [split(section.text, section.file, section.start) for section in sections]
    return [*parts]


@dataclass(frozen=True, slots=True)
class Section:
    """One direction of a file: `text` is the file's up to the section's end, so that every place is the file's own."""

    text: str
    file: str
    notes: list[Note]
    direction: Direction
    start: int = 0

    def line_of(self, name: str) -> int:
        """The line of a directive, or of the section's first line."""
        at = next((note.start for note in self.notes if name_of(note) == name), self.start)
        return line_at(self.text, at)


def _load(section: Section, statements: list[Sql | Copy]) -> tuple[Directives, Body]:
    directives = section_directives(section) if section.notes else NOTHING
    if not statements and section.direction is Direction.up:
        raise no_statement(section)
    return directives, make_body(statements, directives)


def no_statement(section: Section) -> LoadError:
    """A way up that does nothing."""
    found = "nothing but comments" if section.text.strip() else "nothing"
    problem = f"no statement: the way up holds {found}"
    return LoadError(section.file, 1, problem, "Write what the migration does, or delete the file.")


def name_of(note: Note) -> str:
    """The name of a directive, in lower case."""
    return note.words[0].lower() if note.words else ""


def line_at(text: str, offset: int) -> int:
    """The line, from 1, in which a character stands."""
    return text.count("\n", 0, offset) + 1


def down_line(text: str, file: str, found: list[Note], direction: Direction | None) -> Note | None:
    """The line `-- trek: down`, if there is one. Raises `LoadError` for one that is no such line, or one too many."""
    down: Note | None = None
    for note in found:
        if name_of(note) != "down":
            continue
        line = line_at(text, note.start)
        if problem := misplaced(text, note):
            raise LoadError(file, line, problem, "Write `-- trek: down` on a line of its own, and nothing else on it.")
        if direction is not None:
            problem = f"`-- trek: down` in a file whose name says that it is the way {direction.value}"
            raise LoadError(file, line, problem, "Remove the line, or put both ways into one file.")
        if down is not None:
            problem = f"a second `-- trek: down`; the first is in line {line_at(text, down.start)}"
            raise LoadError(file, line, problem, "Keep one: everything after it is the way back.")
        down = note
    return down


def misplaced(text: str, note: Note) -> str:
    """Why a `-- trek: down` is no line of that kind; nothing if it is one."""
    if len(note.words) > 1:
        return f"`-- trek: down` takes no argument, found {' '.join(note.words[1:])!r}"
    before = text[text.rfind("\n", 0, note.start) + 1 : note.start].strip()
    return f"`-- trek: down` stands behind {shorten(before)}" if before else ""


def section_directives(section: Section) -> Directives:
    """What stands above the first statement. Raises `LoadError` for what is wrong, or out of place."""
    found = read_directives(section.text[section.start :], section.file, line_at(section.text, section.start))
    first = next(Scanner(section.text, section.file, section.start), None)
    for note in section.notes:
        if first and note.start > first.start:
            raise too_late(section, note)
    if section.direction is Direction.down and (found.requires is not None or found.replaces):
        name = "replaces" if found.requires is None else "requires"
        problem = f"{name!r} in the way back: it belongs to the revision, not to one direction"
        raise LoadError(section.file, section.line_of(name), problem, "Move it to the top of the way up.")
    if section.direction is Direction.down and found.irreversible:
        raise contradiction(section)
    return found


def too_late(section: Section, note: Note) -> LoadError:
    """A directive where nobody looks for it. Raises `LoadError` for one that is none."""
    line = line_at(section.text, note.start)
    read_directives(section.text[note.start : note.end], section.file, line)  # an unknown one is better named so
    problem = f"the directive {name_of(note)!r} stands after the first statement, where nobody looks for it"
    return LoadError(section.file, line, problem, "Move it to the top of its section, above the first statement.")


def contradiction(section: Section) -> LoadError:
    """A way back, and the word that there is none."""
    problem = "'irreversible' says that there is no way back, but here is one"
    return LoadError(section.file, section.line_of("irreversible"), problem, "Remove the directive or the way back.")
