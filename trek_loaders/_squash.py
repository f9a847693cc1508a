"""The file of a squash: the ways up of several files one after the other, their ways down in reverse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from trek_core.plugin import Call, Copy, Direction, PlanError, Source, Sql, Squashed, dataclass, decode
from trek_loaders._lexer import split_and_notes
from trek_loaders._psql import GUARD
from trek_loaders._scanner import Scanner
from trek_loaders._sql import down_line

if TYPE_CHECKING:
    from trek_core.plugin import Body, Entry, File, Script, Tree

_CONCURRENTLY = re.compile(r"((?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+)INDEX\s+)CONCURRENTLY\s+", re.IGNORECASE)
_SETS = re.compile(
    r"""SET\s+(?:(?:SESSION|LOCAL)\s+)?(?P<name>AUTHORIZATION|TIME\s+ZONE|(?!(?:CONSTRAINTS|TRANSACTION|CHARACTERISTICS)\b)[\w.]+)
      | SELECT\s+(?:pg_catalog\.)?set_config\s*\(\s*'(?P<called>[\w.]+)'\s*,.*,\s*false\s*\)\s*\Z""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_CALLED = {
    "authorization": "SESSION AUTHORIZATION",
    "names": "client_encoding",
    "schema": "search_path",
    "time zone": "timezone",
}
_COPY_END = re.compile(r"^\\\.[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_RULE = "-- " + "-" * 60


@dataclass(frozen=True, slots=True)
class _Part:
    """One direction of an original: its text between two offsets, without directives, and its body."""

    entry: Entry
    file: File
    text: str
    start: int
    end: int
    notes: tuple[tuple[int, int], ...]
    body: Body


def squash(
    tree: Tree, entries: Sequence[Entry], replaces: Sequence[str], requires: Sequence[str] | None, title: str
) -> Squashed:
    """One file that does what the entries do, in this order. Raises `PlanError` that names what cannot be in one file."""
    found, problems = [], dict[str, str]()
    for entry in entries:
        if problem := _unfit_file(tree, entry):
            problems[entry.revision] = problem
            continue
        script = entry.load(tree)
        if problem := _unfit(script):
            problems[entry.revision] = problem
        else:
            found.append((entry, script))
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems.values())
        msg = f"these cannot be a part of one file:{listed}"
        raise PlanError(msg, tuple(problems))
    return _written(tree, found, replaces, requires, title)


# --------------------------------------------------------------------------- what cannot be
def _unfit_file(tree: Tree, entry: Entry) -> str:
    for file in entry.files:
        if tree.suffix(file).lower() != ".sql":
            return f"{file}: it is no plain SQL"
        if tree.big(file):
            return f"{file}: it has more than 4 MB"
    return ""


def _unfit(script: Script) -> str:
    """Of each direction the first statement that must run outside a transaction, or ends it."""
    for body in (script.up, script.down):
        for one in body.statements if body else ():
            assert not isinstance(one, Call)  # it is SQL
            if isinstance(one, Sql) and one.refuses_block and not _CONCURRENTLY.match(one.text):
                return f"{one.file}:{one.line}: {one.refuses_block} runs outside a transaction"
            if isinstance(one, Sql) and one.controls_transaction:
                return f"{one.file}:{one.line}: {one.controls_transaction}, in a transaction of its own"
    return ""


# --------------------------------------------------------------------------- the file
def _written(
    tree: Tree,
    found: Sequence[tuple[Entry, Script]],
    replaces: Sequence[str],
    requires: Sequence[str] | None,
    title: str,
) -> Squashed:
    notes: list[str] = []
    up = [_part(tree, entry, script, Direction.up) for entry, script in found]
    lines = [
        f"-- {' '.join(title.split())}: what {replaces[0]} to {replaces[-1]} do, for databases that have none of them"
    ]
    lines += [f"-- trek: replaces {' '.join(replaces)}"]
    lines += [f"-- trek: requires {' '.join(requires)}"] if requires else []
    without = [entry for entry, script in found if script.down is None]
    if any(script.irreversible for _, script in found):
        lines.append("-- trek: irreversible")
    text = _direction(lines, up, notes)
    if not without:
        down = [_part(tree, entry, script, Direction.down) for entry, script in reversed(found)]
        text += "\n" + _direction(["-- trek: down"], down, notes)
    elif not any(script.irreversible for _, script in found):
        notes.append(f"it has no way down, since {without[0].revision} has none")
    return Squashed({f"{_free(tree, replaces[-1])}_{_slug(title)}.sql": text}, tuple(dict.fromkeys(notes)))


def _free(tree: Tree, last: str) -> str:
    """The next revision behind the last original that no file has."""
    taken = {file.name.partition("_")[0] for file in tree.files}
    return next(name for number in count(1) if (name := f"{last}.{number}") not in taken)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "squash"


def _direction(lines: list[str], parts: Sequence[_Part], notes: list[str]) -> str:
    for name in ("lock-timeout", "statement-timeout"):
        given = [getattr(part.body, name.replace("-", "_")) for part in parts]
        if None not in given:
            longest = 0 if 0 in given else max(given)
            lines.append(f"-- trek: {name} {round(longest * 1000)}ms" if longest else f"-- trek: {name} 0")
        elif any(seconds is not None for seconds in given):
            notes.append(f"{name} is left out, since not all of them have one")
    return "\n".join((*lines, *(f"\n{_RULE}\n-- {_headline(part)}\n{_text_of(part, notes)}" for part in parts))) + "\n"


def _headline(part: _Part) -> str:
    return " ".join(f"{part.entry.revision} {part.entry.title} ({part.file.path})".split())


def _part(tree: Tree, entry: Entry, script: Script, direction: Direction) -> _Part:
    body = script.up if direction is Direction.up else script.down
    assert body is not None
    single = direction is Direction.up or len(entry.files) == 1
    file = entry.files[0 if single else -1]
    text = decode(Source(file, tree.read(file)))
    _, notes = split_and_notes(text, str(file))
    down = down_line(text, str(file), notes, None) if single else None
    start, end = 0, len(text)
    if down is not None:
        start, end = (0, down.start) if direction is Direction.up else (down.end, len(text))
    return _Part(entry, file, text, start, end, tuple((note.start, note.end) for note in notes), body)


def _text_of(part: _Part, notes: list[str]) -> str:
    """The section as it stands there, but for directives, CONCURRENTLY, and what its settings would do to the next one."""
    found, at, resets = [], part.start, list[str]()
    for one in part.body.statements:
        assert isinstance(one, Sql | Copy)
        found += [_gap(part, at, one.offset), _statement(part, one, notes)]
        at = one.offset + len(one.text)
        if isinstance(one, Copy):
            at = _end_of_copy(part.text, at)
        else:
            resets += _reset(part, one, notes)
    rest = _gap(part, at, part.end)
    ended = not part.body.statements or isinstance(part.body.statements[-1], Copy)
    if not ended and not any(token.word == ";" for token in Scanner(rest)):
        found.append(";")
    lines = "".join((*found, rest)).strip("\r\n")
    return "\n".join((lines, *(f"RESET {name};" for name in dict.fromkeys(resets))))


def _gap(part: _Part, start: int, end: int) -> str:
    """What stands between two statements, without directives and the lines that pg_dump writes for psql."""
    text, at = "", start
    for first, last in part.notes:
        if start <= first < end:
            text, at = text + part.text[at:first], last
    return re.sub(rf"(?m)^{GUARD.pattern}", "", text + part.text[at:end])


def _statement(part: _Part, one: Sql | Copy, notes: list[str]) -> str:
    if isinstance(one, Copy):
        data = b"".join(one.chunks()).decode()
        return f"{one.text}\n;\n{data}{'' if data.endswith(chr(10)) or not data else chr(10)}\\.\n"
    if not one.refuses_block:
        return one.text
    notes.append(f"{part.entry.revision}: CONCURRENTLY is left out, a new database has nobody who would wait")
    return _CONCURRENTLY.sub(r"\1", one.text, count=1)


def _end_of_copy(text: str, at: int) -> int:
    end = _COPY_END.search(text, at)
    return end.end() if end else len(text)


def _reset(part: _Part, one: Sql, notes: list[str]) -> Iterator[str]:
    """After a migration trek puts settings back; within one file that must be said."""
    if not one.changes_settings:
        return
    if set_ := _SETS.match(one.text):
        name = set_["called"] or " ".join(set_["name"].lower().split())
        yield _CALLED.get(name, name)
    elif one.text[:5].upper() != "RESET":
        what = " ".join(one.text.split()[:2])
        notes.append(
            f"{part.entry.revision}: look at {what} in line {one.line}, what it may set stays set for those after it"
        )
