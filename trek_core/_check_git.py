"""The folder against another state of it in git: what was there is unchanged, and what is new comes after it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from trek_core._catalog import checksums
from trek_core._dataclass import replace
from trek_core._places import folder_of
from trek_core._seen import Finding, Level, Seen, file_of
from trek_core._tree import FolderTree
from trek_core.errors import ConfigError
from trek_core.model import Entry, Rules

if TYPE_CHECKING:
    from trek_core._host import PluginHost

_LATER = "Give it a revision that comes after all of them, or merge first."
_LEVELS: dict[str, Level] = {"refuse": "error", "warn": "warning"}


def compared(roots: Sequence[str], reference: str, seen: Seen, rules: Rules, host: PluginHost) -> Iterator[Finding]:
    """What was there at the merge base with the reference must be as it was, and what is new must come after the reference.

    Raises `ConfigError` where git is not there, or refuses, and for a zip.
    """
    repositories = [Git(folder_of(root), reference) for root in roots]
    with ExitStack() as stack:
        before = [stack.enter_context(git.folder(git.base)) for git in repositories]
        now = [stack.enter_context(git.folder(git.tip)) for git in repositories]
        old, there = _seen(before, seen, host), _seen(now, seen, host)
        if broken := next((one for one in (*old.findings, *there.findings) if one.level == "error"), None):
            advice = f"Check {reference} itself first: until then nothing can be compared with it."
            yield _finding("broken-reference", "error", roots[0], f"in {reference}: {broken.message}", advice)
            return
        yield from _changed(old, seen, dict(zip(before, roots, strict=True)), reference, rules)
        known = _revisions(old)
        new = [entry for revision, entry in _revisions(seen).items() if revision not in known]
        yield from _collisions(new, there, seen, reference)
        if new and not _revisions(there).keys() & {entry.revision for entry in new}:
            _add(new, seen, dict(zip(map(_named, roots), now, strict=True)))
            yield from _too_early(new, there, _seen(now, seen, host), reference, _LEVELS.get(rules.out_of_order))


class Git:
    """The repository of a folder, asked through git's own command. Raises `ConfigError`."""

    def __init__(self, place: str, reference: str) -> None:
        self.place = self._at = place
        if which("git") is None:
            msg = "check --against asks git, and there is no git on the path: install it, or check without --against."
            raise ConfigError(msg)
        self.prefix = self._ask("it is in no repository of git", "rev-parse", "--show-prefix").rstrip("\n")
        self._at = self._ask("", "rev-parse", "--show-toplevel").rstrip(
            "\n"
        )  # archive looks only below where it is called

        why = f"{reference!r} is no branch or commit here; in CI, fetch it first (actions/checkout: fetch-depth: 0)"
        name = f"{reference}^{{commit}}"
        self.tip = self._ask(why, "rev-parse", "--verify", "--quiet", "--end-of-options", name).strip()
        why = (
            f"HEAD and {reference!r} have no common commit here: in a shallow clone, fetch more (git fetch --unshallow)"
        )
        self.base = self._ask(why, "merge-base", "HEAD", self.tip).strip()

    @contextmanager
    def folder(self, commit: str) -> Iterator[str]:
        """The folder as it was then, in a temporary place; an empty one if it was not there."""
        with TemporaryDirectory(prefix="trek-") as temporary:
            listed = self._ask("", "ls-tree", "-d", "--name-only", "--full-tree", commit, self.prefix.rstrip("/"))
            if not self.prefix or listed:
                archived = self._run("archive", "--format=tar", f"{commit}:{self.prefix}").stdout
                with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
                    archive.extractall(temporary, filter="data")
            yield temporary

    def _ask(self, why: str, *words: str) -> str:
        done = self._run(*words)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            problem = why or f"git {words[0]} failed"
            msg = f"check --against: the folder {self.place!r}: {problem}." + (f"\n{said}" if said else "")
            raise ConfigError(msg)
        return done.stdout.decode(errors="surrogateescape")

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", self._at, *words]
        return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git, and no shell


def _seen(folders: Sequence[str], seen: Seen, host: PluginHost) -> Seen:
    return Seen.of(FolderTree(folders, host.loader_for, suffixes=host.suffixes()), seen.layout, folders[0])


def _named(root: str) -> str:
    """As files name it."""
    return root.rstrip("/" + os.sep) or root


def _revisions(seen: Seen) -> dict[str, Entry]:
    return {entry.revision: entry for entry in seen.catalog.entries} if seen.catalog else {}


def _changed(old: Seen, seen: Seen, now_at: Mapping[str, str], reference: str, rules: Rules) -> Iterator[Finding]:
    """A way down may change, and so may what runs again when it does: that is what a checksum is of."""
    assert seen.catalog is not None
    for revision, entry in _revisions(old).items():
        now = seen.catalog.get(revision)
        if now is None and revision not in seen.catalog.owners and (level := _LEVELS.get(rules.missing)):
            advice = "Restore it. To undo it write a new revision; a squash names what it stands for in `replaces`."
            yield _finding(
                "removed",
                level,
                _path(entry, now_at),
                f"{revision} is in {reference}, and is gone here",
                advice,
                revision,
            )
        if now is None or now.rerun != "never" or _sums(entry, old) == _sums(now, seen):
            continue
        if level := _LEVELS.get(rules.changed):
            advice = (
                "Restore it, and write the change as a new revision: databases that have it would never get the edit."
            )
            yield _finding(
                "edited", level, file_of(now), f"{revision} is in {reference}, and was edited here", advice, revision
            )


def _collisions(new: Sequence[Entry], there: Seen, seen: Seen, reference: str) -> Iterator[Finding]:
    """The reference moved on, and has another migration of that revision."""
    taken = _revisions(there)
    for entry in new:
        other = taken.get(entry.revision)
        if other is not None and _sums(entry, seen) != _sums(other, there):
            name = other.files[0].path if other.files else other.title
            message = f"{entry.revision} is another migration in {reference}: {name}"
            yield _finding("collision", "error", file_of(entry), message, _LATER, entry.revision)


def _too_early(
    new: Sequence[Entry], there: Seen, union: Seen, reference: str, level: Level | None
) -> Iterator[Finding]:
    """A database of the reference would refuse what is new, if it comes before what that has. union: both together."""
    if union.catalog is None:
        for one in union.findings:
            yield replace(one, name="collision", path=file_of(new[0]), message=f"with {reference}: {one.message}")
        return
    rank, entries = union.catalog.rank, union.catalog.names
    known = sorted((name for name, entry in _revisions(there).items() if _bound(entry)), key=rank.__getitem__)
    newest = {entries[name].series: name for name in known}
    for entry in new:
        last = newest.get(entries[entry.revision].series)
        if level and last and _bound(entry) and not entry.any_time and rank[entry.revision] < rank[last]:
            message = f"{entry.revision} is new and comes before {last}, which is in {reference}"
            yield _finding("out-of-order", level, file_of(entry), message, _LATER, entry.revision)


def _bound(entry: Entry) -> bool:
    """Whether the order binds it: no squash, and nothing that runs again and again."""
    return entry.rerun == "never" and not entry.replaces


def _add(new: Sequence[Entry], seen: Seen, folders: Mapping[str, str]) -> None:
    for file in (file for entry in new for file in entry.files):
        target = Path(folders[file.root]) / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_bytes(seen.tree.read(file))


def _sums(entry: Entry, seen: Seen) -> tuple[str, ...]:
    """Of a format that keeps no checksums, the files themselves."""
    return checksums([entry], seen.tree, seen.layout)[0][:1] or tuple(
        seen.tree.read(file).hex() for file in entry.files
    )


def _path(entry: Entry, now_at: Mapping[str, str]) -> str:
    """Of a file that was there, where it would be now."""
    return f"{_named(now_at[entry.files[0].root])}/{entry.files[0].path}" if entry.files else entry.revision


def _finding(name: str, level: Level, path: str, message: str, advice: str, *revisions: str) -> Finding:
    return Finding(name=name, level=level, path=path, message=message, advice=advice, revisions=revisions)
