"""The file `sqitch.plan`: changes and tags in order, and the names that Sqitch gives to both, which are hashes."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PRAGMA = re.compile(r"[ \t]*%[ \t]*(?P<name>[^\s=]+)(?:[ \t]*=[ \t]*(?P<value>.+?))?[ \t]*")
_LINE = re.compile(
    r"[ \t]*(?P<sign>[@+-]?)(?P<name>[^\s@:#\\\[\]]+)[ \t]+(?:\[(?P<needs>[^\]]+)\][ \t]*)?"
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)[ \t]*(?P<name_of>[^<]+?)[ \t]+<(?P<mail>[^>]+)>[ \t]*"
)
_NOTE = re.compile(r"[ \t]*#[ \t]*(.*)$")
_ESCAPES = {"n": "\n", "r": "\r", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Line:
    """What a line of the plan says. needs: of a change, as they stand between the brackets."""

    name: str
    number: int
    time: str
    planner: str
    mail: str
    note: str = ""
    needs: tuple[str, ...] = ()

    @property
    def requires(self) -> tuple[str, ...]:
        return tuple(one for one in self.needs if not one.startswith("!"))

    @property
    def conflicts(self) -> tuple[str, ...]:
        return tuple(one[1:] for one in self.needs if one.startswith("!"))


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, and its name in the registry."""

    line: Line
    id: str


@dataclass(slots=True)
class Change:
    """A change. required: of each name that it requires the id of that change. rework: the tags before it comes again."""

    line: Line
    id: str
    project: str
    uri: str
    required: dict[str, str]
    tags: list[Tag] = field(default_factory=list)
    rework: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """The project, and its changes in order."""

    file: str
    project: str = ""
    uri: str = ""
    changes: list[Change] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    """Names and tags, alone and together -> the id of the change."""


def parse(text: str, file: str) -> Plan:
    """Raises `LoadError` for what Sqitch refuses, and for requirements of other projects."""
    plan, lines = Plan(file), list(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.strip().startswith("%"):
            _pragma(plan, line, number)
    if not plan.project:
        raise LoadError(file, 1, "no line `%project=NAME`", "Sqitch wants one in front of the changes.")
    for number, line in lines:
        if line.strip() and line.strip()[0] not in "#%":
            _add(plan, *_read(line, number, file))
    for change in plan.changes:
        for name in change.line.conflicts:
            _resolved(plan, name, change.line, "conflicts with")
    return plan


def _pragma(plan: Plan, line: str, number: int) -> None:
    match = _PRAGMA.fullmatch(_NOTE.sub("", line))
    name, value = (match["name"], match["value"] or "") if match else (line.strip(), "")
    if name == "project":
        plan.project = value
    elif name == "uri":
        plan.uri = value
    elif name != "syntax-version":
        advice = "There are %syntax-version, %project and %uri."
        raise LoadError(plan.file, number, f"%{name} is no pragma that trek knows", advice)


def _read(line: str, number: int, file: str) -> tuple[str, Line]:
    note = _NOTE.search(line)
    match = _LINE.fullmatch(line[: note.start()] if note else line)
    if match is None or match["sign"] in ("+", "-"):
        problem = "a line that is no change and no tag: `name [needs] 2024-01-01T00:00:00Z Name <mail> # note`"
        raise LoadError(file, number, problem, "Correct the line as for Sqitch itself.")
    said = re.sub(r"\\([nr\\])", lambda one: _ESCAPES[one[1]], note[1].rstrip()) if note else ""
    needs = tuple(dict.fromkeys((match["needs"] or "").split()))
    found = Line(match["name"], number, match["time"], match["name_of"], match["mail"], said, needs)
    return match["sign"], found


def _add(plan: Plan, sign: str, line: Line) -> None:
    if sign == "@":
        _add_tag(plan, line)
        return
    if again := next((one for one in reversed(plan.changes) if one.line.name == line.name), None):
        tags = [tag.line.name for one in plan.changes[plan.changes.index(again) :] for tag in one.tags]
        if not tags:
            problem = f"the change {line.name} a second time, without a tag in between"
            raise LoadError(plan.file, line.number, problem, "Tag the plan before the change is reworked.")
        again.rework.extend(tags)
        plan.named[f"{line.name}@{tags[0]}"] = again.id
    required = {one: _resolved(plan, one, line) for one in line.requires}
    parent = plan.changes[-1].id if plan.changes else ""
    change = Change(line, _change_id(plan, line, parent), plan.project, plan.uri, required)
    plan.changes.append(change)
    plan.named[line.name] = change.id


def _add_tag(plan: Plan, line: Line) -> None:
    if not plan.changes or f"@{line.name}" in plan.named:
        problem = f"the tag @{line.name} {'a second time' if plan.changes else 'in front of every change'}"
        raise LoadError(plan.file, line.number, problem, "Remove the line, or give the tag another name.")
    change = plan.changes[-1]
    about = [*_head(plan, f"tag @{line.name}"), f"change {change.id}", *_planned(line)]
    change.tags.append(Tag(line, _hash("tag", [*about, *_said(line)])))
    plan.named[f"@{line.name}"] = change.id
    for name in {one.line.name for one in plan.changes}:
        plan.named[f"{name}@{line.name}"] = plan.named[name]


def _resolved(plan: Plan, name: str, line: Line, what: str = "requires") -> str:
    own = name.removeprefix(f"{plan.project}:")
    if own not in plan.named:
        problem = f"{line.name} {what} {name}, and no change of this plan that could be meant is called so"
        advice = (
            "Trek knows the changes and the tags of one plan; what other projects have deployed only Sqitch looks up."
        )
        raise LoadError(plan.file, line.number, problem, advice)
    return plan.named[own]


# --------------------------------------------------------------------------- ids
def _change_id(plan: Plan, line: Line, parent: str) -> str:
    about = _head(plan, f"change {line.name}") + ([f"parent {parent}"] if parent else []) + [*_planned(line)]
    for word, sign, names in (("requires", "+", line.requires), ("conflicts", "-", line.conflicts)):
        about += [word, *(f"  {sign} {name}" for name in names)] if names else []
    return _hash("change", [*about, *_said(line)])


def _head(plan: Plan, name: str) -> list[str]:
    return [f"project {plan.project}", *([f"uri {plan.uri}"] if plan.uri else []), name]


def _planned(line: Line) -> Iterator[str]:
    yield f"planner {line.planner} <{line.mail}>"
    yield f"date {line.time}"


def _said(line: Line) -> Sequence[str]:
    return ("", line.note) if line.note else ()


def _hash(kind: str, lines: Sequence[str]) -> str:
    content = "\n".join(lines).encode()
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False).hexdigest()


def id_of(project: str, name: str) -> str:
    """The id of a change that no plan tells of: another layout's."""
    return _hash("change", [f"project {project}", f"change {name}"])
