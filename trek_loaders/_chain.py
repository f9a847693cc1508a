"""The graph of the native layout: which revisions a squash replaces, and who must come before whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Cycle, LoadError, UnknownRevision
from trek_loaders._names import natural_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_loaders._names import Key, Named


class Draft:
    """A revision before its neighbours are known."""

    __slots__ = ("files", "key", "replaces", "requires", "revision")

    def __init__(
        self,
        key: Key,
        revision: str,
        files: tuple[Named, ...],
        requires: tuple[str, ...] | None = None,
        replaces: tuple[str, ...] = (),
    ) -> None:
        self.key, self.revision, self.files, self.requires, self.replaces = key, revision, files, requires, replaces


def expand(drafts: Sequence[Draft]) -> dict[str, tuple[str, ...]]:
    """What each squash replaces, one by one and in order. Raises `UnknownRevision` for a range without its ends."""
    if not any(draft.replaces for draft in drafts):
        return {}
    order = {draft.revision: at for at, draft in enumerate(drafts)}
    spelled = {draft.key: draft.revision for draft in drafts}
    return {draft.revision: _expand(draft, drafts, order, spelled) for draft in drafts if draft.replaces}


def parents(drafts: Sequence[Draft], replaced: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Who must come before whom.

    The chain runs through the revisions that a squash replaces as long as all their files are there, since databases
    may stand in the middle of them. Once files are gone it runs through the squash, which then has the place of the
    last revision it replaces, wherever its own number would put it.
    """
    if not replaced:
        revisions = [draft.revision for draft in drafts]
        before = [(), *zip(revisions)]
        return {
            revision: default if draft.requires is None else draft.requires
            for revision, default, draft in zip(revisions, before, drafts, strict=False)
        }
    present = {draft.revision: draft for draft in drafts}
    aside = {squash for squash, originals in replaced.items() if all(one in present for one in originals)}
    chain = sorted((draft for draft in drafts if draft.revision not in aside), key=lambda one: _place(one, replaced))
    defaults = {draft.revision: _before(chain, at, replaced) for at, draft in enumerate(chain)}
    return {draft.revision: _resolve(draft, present, replaced, defaults) for draft in drafts}


def _resolve(
    draft: Draft,
    present: Mapping[str, Draft],
    replaced: Mapping[str, tuple[str, ...]],
    defaults: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    """The draft's own word, for a squash the parents of the first revision it replaces, else the place in the chain."""
    path = [draft.revision]
    while draft.requires is None and draft.revision in replaced and replaced[draft.revision][0] in present:
        draft = present[replaced[draft.revision][0]]
        path.append(draft.revision)
        if draft.revision in path[:-1]:
            message = f"{' replaces '.join(path)}: take one of these revisions out of `replaces`."
            raise Cycle(message, tuple(path[:-1]))
    return defaults[draft.revision] if draft.requires is None else draft.requires


def _place(draft: Draft, replaced: Mapping[str, tuple[str, ...]]) -> tuple[Key, Key]:
    originals = replaced.get(draft.revision)
    return (natural_key(originals[-1]) if originals else draft.key, draft.key)


def _before(chain: Sequence[Draft], at: int, replaced: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The revision before that place of the chain, apart from those that it replaces."""
    originals = set(replaced.get(chain[at].revision, ()))
    for before in range(at - 1, -1, -1):
        if chain[before].revision not in originals:
            return (chain[before].revision,)
    return ()


def _expand(
    squash: Draft, drafts: Sequence[Draft], order: Mapping[str, int], spelled: Mapping[Key, str]
) -> tuple[str, ...]:
    found: set[str] = set()
    for word in squash.replaces:
        first, _, last = word.partition("..")
        # The file of a single revision may be gone, so a wrong number of zeros would pass for a revision that was.
        if not last and spelled.get(natural_key(first), first) != first:
            raise _unknown(squash, word, first, order, f"Write it as {spelled[natural_key(first)]}.")
        found.update(_range(squash, first, last, drafts, order) if last else (first,))
    if squash.revision in found:
        problem = f"{squash.revision} replaces itself: {' '.join(squash.replaces)}"
        raise LoadError(str(squash.files[0].file), None, problem, "Name only the revisions that it stands for.")
    return tuple(sorted(found, key=natural_key))


def _range(squash: Draft, first: str, last: str, drafts: Sequence[Draft], order: Mapping[str, int]) -> list[str]:
    for end in (first, last):
        if end not in order:
            advice = (
                "A range can be read only while the files of both its ends are there. A squash whose originals will be "
                "deleted should name each revision from the start. To put it right now, name each revision; "
                f"a database that already ran {squash.revision} accepts the edited file with "
                f"`trek repair {squash.revision} --applied`."
            )
            raise _unknown(squash, f"{first}..{last}", end, order, advice)
    if order[first] > order[last]:
        problem = f"replaces {first}..{last}: {first} comes after {last}"
        raise LoadError(str(squash.files[0].file), None, problem, f"Write {last}..{first}.")
    return [draft.revision for draft in drafts[order[first] : order[last] + 1]]


def _unknown(squash: Draft, word: str, revision: str, order: Mapping[str, int], advice: str) -> UnknownRevision:
    import difflib  # noqa: PLC0415 - for somebody who mistyped, and for nobody else

    nearest = difflib.get_close_matches(revision, order, 3)
    hint = f" Nearest: {', '.join(nearest)}." if nearest else ""
    message = f"{squash.files[0].file}: replaces {word}: no file has the revision {revision!r}.{hint}\n{advice}"
    return UnknownRevision(message, (revision,))
