"""The folder, sub-folders included: versioned migrations and baselines by version, then the repeatable ones by description."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import Arrangement, Body, Duplicate, Entry, Ignored, Layout, Script, dataclass, field
from trek_loaders.formats._files import only_sql, slug
from trek_loaders.formats.flyway._context import Context
from trek_loaders.formats.flyway._names import AFTER, AFTER_EACH, BEFORE, BEFORE_EACH, Kind, Name, Names
from trek_loaders.formats.flyway._script import ScriptFile
from trek_loaders.formats.flyway._versions import BASELINE, Key, is_version, key, plain, repeatable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trek_core.plugin import File, Tree
    from trek_loaders.formats._settings import FlywaySettings

CONF = ".conf"
_STAMPED = 12
"""So many digits make a version a time: minutes, seconds."""


def make_layout(settings: FlywaySettings) -> Layout:
    """As Flyway by default: what is pending below an applied one, missing or edited is refused."""
    return Layout(arrange=partial(arrange, settings), new=partial(new, settings))


@dataclass(frozen=True, slots=True)
class _Migration:
    name: Name
    script: ScriptFile


@dataclass(frozen=True, slots=True)
class _Each:
    """What runs before and after each migration, in its transaction."""

    before: tuple[ScriptFile, ...]
    after: tuple[ScriptFile, ...]

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(file for script in (*self.before, *self.after) for file in script.files)


@dataclass(slots=True)
class _Found:
    """The folder, sorted out."""

    context: Context
    names: Names
    confs: dict[tuple[str, str], File]
    kinds: dict[Kind, dict[object, _Migration]] = field(default_factory=lambda: defaultdict(dict))
    others: list[Ignored] = field(default_factory=list)

    def add(self, file: File) -> None:
        name = self.names.named(file)
        if isinstance(name, str):
            self.others.append(Ignored(file, name))
            return
        conf = self.confs.pop((file.root, file.path + CONF), None)
        if name.of_another_command:
            self.others += [Ignored(one, f"a callback of another command, {name.event}") for one in (file, conf) if one]
            return
        identity = key(name.version) if name.version else (name.event, name.description)
        other = self.kinds[name.kind].setdefault(identity, _Migration(name, ScriptFile(file, conf, self.context)))
        if other.script.file is not file:
            raise _twice(name, other.script.file, file)

    def callbacks(self, event: str) -> list[_Migration]:
        found = (one for one in self.kinds["callback"].values() if one.name.event == event)
        return sorted(found, key=lambda one: one.name.description)

    @property
    def each(self) -> _Each:
        before, after = (tuple(one.script for one in self.callbacks(event)) for event in (BEFORE_EACH, AFTER_EACH))
        return _Each(before, after)

    def versioned(self) -> list[tuple[Key, _Migration]]:
        """Those and the baselines, which come after what they stand for."""
        both = (*self.kinds["versioned"].values(), *self.kinds["baseline"].values())
        return [(key(one.name.version), one) for one in sorted(both, key=_place)]


def _place(migration: _Migration) -> tuple[Key, bool]:
    return key(migration.name.version), migration.name.kind == "baseline"


def _twice(name: Name, first: File, second: File) -> Duplicate:
    what = f"the version {name.version}" if name.version else f"the description {name.description!r}"
    kind = f"{name.event} scripts" if name.event else f"{name.kind} migrations"
    message = f"Two {kind} have {what}: {first} and {second}. Rename one of them."
    return Duplicate(message, (name.version or repeatable(name.description),))


def arrange(settings: FlywaySettings, tree: Tree) -> Arrangement:
    """Raises `Duplicate` for a version or a description twice, and `LoadError` for a name that trek must not pass by."""
    confs = {(file.root, file.path): file for file in tree.files if file.name.endswith(CONF)}
    found = _Found(Context.of(settings), Names.of(settings), confs)
    for file in tree.files:
        if (file.root, file.path) not in confs:
            found.add(file)
    before, after = (
        [_callback(one) for event in events for one in found.callbacks(event)] for events in (BEFORE, AFTER)
    )
    entries = (*before, *_versioned(found), *_repeatable(found), *after)
    undo = [one.script for one in found.kinds["undo"].values()]
    found.others += [Ignored(file, "it undoes a version that no file has") for one in undo for file in one.files]
    found.others += [Ignored(file, "the configuration of no script") for file in found.confs.values()]
    return Arrangement(entries, tuple(found.others))


def _versioned(found: _Found) -> Iterator[Entry]:
    before: tuple[str, ...] = ()
    """The last versioned one, or a baseline where there is none: what the next is built on."""
    replaced, each = list[str](), found.each
    for identity, one in found.versioned():
        if one.name.kind == "baseline":
            entry = _baseline(one, tuple(replaced), each)
            before = before or (entry.revision,)
        else:
            undo = found.kinds["undo"].pop(identity, None)
            entry = _entry(one, before, undo, each)
            before = (entry.revision,)
        replaced.append(entry.revision)
        yield entry


def _entry(one: _Migration, parents: tuple[str, ...], undo: _Migration | None, each: _Each) -> Entry:
    version = one.name.version
    return Entry(
        revision=version,
        title=one.name.description,
        parents=parents,
        files=(*one.script.files, *(undo.script.files if undo else ()), *each.files),
        load=partial(_load, one.script, undo.script if undo else None, each),
        checksums=one.script.checksum,
        aliases=() if plain(version) == version else (plain(version),),
    )


def _baseline(one: _Migration, replaces: tuple[str, ...], each: _Each) -> Entry:
    """It stands for all that has its version or a lower one, where nothing was applied yet."""
    return Entry(
        revision=BASELINE + one.name.version,
        title=one.name.description,
        files=(*one.script.files, *each.files),
        load=partial(_load, one.script, None, each),
        checksums=one.script.checksum,
        replaces=replaces,
    )


def _callback(one: _Migration) -> Entry:
    """It leaves no row, and runs where a run to the head has something to do."""
    event, description = one.name.event, one.name.description
    return Entry(
        revision=f"{event}__{description.replace(' ', '_')}" if description else event,
        title=description,
        files=one.script.files,
        load=partial(_load, one.script, None, _Each((), ())),
        checksums=one.script.checksum,
        rerun="always",
        recorded=False,
    )


def _repeatable(found: _Found) -> Iterator[Entry]:
    each = found.each
    for one in sorted(found.kinds["repeatable"].values(), key=lambda one: one.name.description):
        yield Entry(
            revision=repeatable(one.name.description),
            title=one.name.description,
            files=(*one.script.files, *each.files),
            load=partial(_again, one.script, each),
            checksums=one.script.checksums,
            rerun="changed",
        )


def _load(script: ScriptFile, undo: ScriptFile | None, each: _Each, tree: Tree) -> Script:
    return Script(script.body(tree, each.before, each.after), undo.body(tree) if undo else None)


def _again(script: ScriptFile, each: _Each, tree: Tree) -> Script:
    """It has no way back and needs none: without its row it runs again on the next way up."""
    return Script(script.body(tree, each.before, each.after), Body((), "transaction"))


# --------------------------------------------------------------------------- trek new
def new(settings: FlywaySettings, arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One versioned file, after the last. Raises `ConfigError`."""
    only_sql("Flyway", kind)
    versions = [
        version for entry in arrangement.entries if is_version(version := entry.revision.removeprefix(BASELINE))
    ]
    version = _following(max(versions, key=key, default="0"))
    prefix, separator = settings.sql_migration_prefix, settings.sql_migration_separator
    return {f"{prefix}{version}{separator}{slug(title)}{settings.sql_migration_suffixes[0]}": ""}


def _following(version: str) -> str:
    """The next of its kind: a time after a time, else one more in the last group, as wide as it was."""
    groups = version.split(".")
    last = groups[-1]
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")[: len(last)]
    more = max(int(now), int(last) + 1) if len(last) >= _STAMPED and len(groups) == 1 else int(last) + 1
    return ".".join((*groups[:-1], f"{more:0{len(last)}}"))
