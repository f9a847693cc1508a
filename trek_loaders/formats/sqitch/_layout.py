"""The project: `sqitch.conf` says where its plan and its scripts are, the plan says in which order they run."""

from __future__ import annotations

import re
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
    dataclass,
)
from trek_loaders.formats._files import text_of
from trek_loaders.formats.sqitch._plan import Change, Plan, parse
from trek_loaders.formats.sqitch._script import body, script_hash

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from trek_core.plugin import Tree

CHANGE, CONF = "sqitch change", "sqitch.conf"
"""The key of `Entry.meta`: the `Change`."""
_SECTION = re.compile(r'\s*\[\s*([\w.-]+)(?:\s+"([^"]*)")?\s*\]\s*(?:[#;].*)?')
_KEY = re.compile(r"""\s*([\w-]+)\s*=\s*("[^"]*"|[^#;]*?)\s*(?:[#;].*)?""")
_NO_BOM = "Sqitch does not find its first pragma then"


def make_layout(_: NoSettings) -> Layout:
    """Sqitch runs nothing that lies before what is deployed, and goes on where a script was edited."""
    return Layout(arrange=arrange, rules=Rules(changed="warn"))


@dataclass(frozen=True, slots=True)
class _Places:
    plan: str
    deploy: str
    revert: str
    verify: str
    suffix: str


def arrange(tree: Tree) -> Arrangement:
    """The changes in the plan's order. Raises `LoadError` for a plan that Sqitch refuses, and for a missing script."""
    files = {file.path: file for file in tree.files}
    places = _places(tree, files)
    if places.plan not in files:
        return Arrangement(
            (), tuple(Ignored(file, f"there is no {places.plan}, which names it") for file in tree.files)
        )
    plan = parse(text_of(tree, files[places.plan], bom=_NO_BOM), str(files[places.plan]))
    entries = tuple(_entries(plan, places, files))
    used = {file.path for entry in entries for file in entry.files}
    verified = {f"{places.verify}/{path.removeprefix(f'{places.deploy}/')}" for path in used}
    others = (_left(file, places, verified) for path, file in files.items() if path not in used)
    return Arrangement(entries, tuple(others))


def _left(file: File, places: _Places, verified: Container[str]) -> Ignored:
    if file.path in verified:
        return Ignored(file, "verifies a change, which only Sqitch does", belongs=True)
    belongs = file.path in (places.plan, CONF)
    return Ignored(file, "Sqitch's own" if belongs else "the plan does not name it", belongs)


def _entries(plan: Plan, places: _Places, files: Mapping[str, File]) -> Iterator[Entry]:
    before: tuple[str, ...] = ()
    names = dict[str, str]()
    """Of the changes above: what a conflict with one of them, or with a tag, means. One below is deployed later."""
    for change in plan.changes:
        deploy, revert = _scripts(change, places, files, plan)
        name = change.line.name + (f"@{change.rework[0]}" if change.rework else "")
        tags = tuple(f"@{tag.line.name}" for tag in change.tags)
        yield Entry(
            revision=name,
            title=change.line.note.partition("\n")[0].rstrip("\r"),
            parents=before,
            files=(deploy, *([revert] if revert else [])),
            load=partial(_load, deploy, revert),
            checksums=partial(_checksums, deploy),
            aliases=(change.id, *tags),
            conflicts=tuple(names[one] for one in change.line.conflicts if one in names),
            meta={CHANGE: change},
        )
        before = (name,)
        names |= {name: name, change.line.name: name} | dict.fromkeys(tags, name)


def _scripts(change: Change, places: _Places, files: Mapping[str, File], plan: Plan) -> tuple[File, File | None]:
    """The first of the names that a reworked change may have, and that is there."""
    names = [f"{change.line.name}@{tag}" for tag in change.rework] or [change.line.name]
    found = [name for name in names if f"{places.deploy}/{name}{places.suffix}" in files]
    if not found:
        problem = f"no script {places.deploy}/{names[0]}{places.suffix} for the change {change.line.name}"
        raise LoadError(
            plan.file, change.line.number, problem, "Restore the script, or take the change out of the plan."
        )
    revert = files.get(f"{places.revert}/{found[0]}{places.suffix}")
    return files[f"{places.deploy}/{found[0]}{places.suffix}"], revert


def _load(deploy: File, revert: File | None, tree: Tree) -> Script:
    down: Body | None = body(tree, revert) if revert else None
    return Script(body(tree, deploy), down)


def _checksums(deploy: File, tree: Tree) -> tuple[str, ...]:
    return (script_hash(tree, deploy),)


# --------------------------------------------------------------------------- sqitch.conf
def _places(tree: Tree, files: Mapping[str, File]) -> _Places:
    said = dict[str, str]()
    if conf := files.get(CONF):
        text = text_of(tree, conf)
        said = dict(_configured(text))
        _check_engine(said, text, str(conf))

    def told(key: str) -> str:
        """A target has the first word, then the engine."""
        target = said.get("engine.pg.target", "").lower()
        return next(
            filter(None, (said.get(f"{above}.{key}") for above in (f"target.{target}", "engine.pg", "core"))), ""
        )

    top = told("top_dir") or "."
    deploy, revert, verify = (_below(told(f"{way}_dir") or f"{top}/{way}") for way in ("deploy", "revert", "verify"))
    return _Places(
        _below(told("plan_file") or f"{top}/sqitch.plan"), deploy, revert, verify, f".{told('extension') or 'sql'}"
    )


def _check_engine(said: Mapping[str, str], text: str, file: str) -> None:
    engine = said.get("core.engine", "pg")
    if engine != "pg" and not any(key.startswith("engine.pg.") for key in said):
        line = next((number for number, line in enumerate(text.splitlines(), 1) if "engine" in line), None)
        problem = f"engine = {engine}: this project is not for PostgreSQL"
        raise LoadError(file, line, problem, 'Point trek at another; or add `[engine "pg"]`, if it is for both.')


def _below(path: str) -> str:
    """The path as the tree has it: without `.` as a part of it."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _configured(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in text.splitlines():
        if match := _SECTION.fullmatch(line):
            section = f"{match[1]}.{match[2]}." if match[2] else f"{match[1]}."
        elif match := _KEY.fullmatch(line):
            yield section.lower() + match[1].lower(), match[2].strip('"')
