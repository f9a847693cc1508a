"""Several revisions as one file: which ones they are in a new database, whether they can be one, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from trek_core import _actions, _as_one
from trek_core._blame import Offer, blame, expect
from trek_core._catalog import EntryCatalog
from trek_core._dataclass import dataclass, replace
from trek_core._graph import in_order, reachable
from trek_core._host import PluginHost
from trek_core._lineage import Lineage, trace
from trek_core._offline import catalog_of
from trek_core._scripts import Folders
from trek_core._targets import resolve
from trek_core._tree import roots_of
from trek_core.contracts import Layout, Tree
from trek_core.errors import ConfigError, PlanError
from trek_core.model import Hop, Source, Squashed, State
from trek_core.plans import Plan


@dataclass(frozen=True, slots=True)
class Chosen:
    """runs: what runs in a new database, in that order. replaces: all that the squash stands for, in the layout's order."""

    runs: tuple[str, ...]
    replaces: tuple[str, ...]
    requires: tuple[str, ...] | None = None


def squash(
    directory: Folders, host: PluginHost, layout: Offer[Layout], words: Sequence[str], title: str = ""
) -> tuple[Squashed, str]:
    """The file of a squash of these revisions and ranges ("0001..0040"), and the folder that it belongs to; not written.

    Raises `ConfigError`, `LoadError`, and `PlanError` for what cannot be one file, with the ranges that can.
    """
    if layout.value.squash is None:
        msg = "this format has no squashes: a file that stands for others is trek's own, of the format native."
        raise ConfigError(msg)
    tree, catalog = catalog_of(directory, host, layout)
    chosen = choose(catalog, words)
    title = title or f"squash of {chosen.replaces[0]} to {chosen.replaces[-1]}"
    entries = [catalog.names[name] for name in chosen.runs]
    try:
        with blame(layout, "Layout.squash"):
            found = layout.value.squash(tree, entries, chosen.replaces, chosen.requires, title)
        expect(layout, "Layout.squash", found, Squashed)
        _refuse_early_use(catalog, chosen, tree, layout)
    except PlanError as error:
        raise _with_ranges(error, chosen) from None
    for name, text in found.files.items():  # it must be a file that the next run can load
        if offer := host.loader_for(name):
            offer.value.load(Source(replace(tree.files[0], path=name), text.encode()))
    return found, entries[0].series or roots_of(directory)[0]


def choose(catalog: EntryCatalog, words: Sequence[str]) -> Chosen:
    """Which revisions are meant. Raises `PlanError`, `UnknownRevision`."""
    wanted = dict.fromkeys(name for word in words for name in _named(catalog, word))
    names = [entry.revision for entry in catalog.entries if entry.revision in wanted]
    if len({catalog.names[name].series for name in names}) > 1:
        msg = f"{' '.join(words)}: these lie in several folders. Squash each by itself."
        raise PlanError(msg, tuple(names))
    lineage = trace(catalog, State())
    for name in names:
        if (owner := catalog.owners.get(name)) is not None and owner not in wanted:
            msg = f"{name} is replaced already, by {catalog.describe(owner)}: take that one too, or leave {name} out."
            raise PlanError(msg, (name, owner))
    runs = in_order([name for name in names if name in lineage.parents], lineage.parents, catalog.rank)
    if len(runs) < 2 and len(names) < 2:  # noqa: PLR2004 - one is no squash
        msg = f"{' '.join(words)}: that is {len(names)} revision, and a squash is of two or more."
        raise PlanError(msg, tuple(names))
    _refuse_between(lineage, runs)
    gone = [one for name in names for one in catalog.replaced.get(name, ()) if one not in catalog.rank]
    replaces = (*dict.fromkeys(gone), *names)
    return Chosen(tuple(runs), replaces, _requires(catalog, lineage, runs, replaces))


def _named(catalog: EntryCatalog, word: str) -> list[str]:
    first, dots, last = word.partition("..")
    ends = [_single(catalog, end) for end in ((first, last) if dots else (first,))]
    order = [one.revision for one in catalog.entries if one.series == catalog.names[ends[0]].series or not dots]
    if ends[-1] not in order:
        msg = f"{word}: these lie in several folders. Squash each by itself."
        raise PlanError(msg, tuple(ends))
    at, to = order.index(ends[0]), order.index(ends[-1])
    if at > to:
        msg = f"{word}: {ends[0]} comes after {ends[1]}. Write the range the other way round."
        raise PlanError(msg, tuple(ends))
    return order[at : to + 1]


def _single(catalog: EntryCatalog, word: str) -> str:
    if word == "head" and catalog.entries:
        return catalog.entries[-1].revision
    goal = resolve(catalog, word, ())
    if goal.kind != "revision" or goal.revision not in catalog.rank:
        msg = f"{word!r} is no revision that a file has. Write revisions, or a range as in 0001..0040."
        raise PlanError(msg, (word,))
    return goal.revision


def _refuse_between(lineage: Lineage, runs: Sequence[str]) -> None:
    """What builds on one of them and is needed by another would come before and after the squash."""
    chosen = set(runs)
    for name in reachable(runs, lineage.parents):
        if name not in chosen and (within := chosen.intersection(reachable([name], lineage.parents))):
            msg = (
                f"{lineage.catalog.describe(name)} stands between them: it builds on {max(within)}, and one of the others "
                f"builds on it. Take it too, or squash less."
            )
            raise PlanError(msg, (name, *sorted(within)))


def _requires(
    catalog: EntryCatalog, lineage: Lineage, runs: Sequence[str], replaces: Sequence[str]
) -> tuple[str, ...] | None:
    """What the squash builds on, unless it is what the first of its originals does, which needs no word."""
    chosen = set(runs)
    outside = dict.fromkeys(name for one in runs for name in lineage.parents[one] if name not in chosen)
    inner = {name for one in outside for name in reachable(lineage.parents[one], lineage.parents)}
    tips = tuple(name for name in outside if name not in inner)
    covered = lineage.squashes.covered
    usual = {covered.get(name, name) for name in catalog.parents.get(replaces[0], ())}
    return None if set(tips) == usual else tips


def _refuse_early_use(catalog: EntryCatalog, chosen: Chosen, tree: Tree, layout: Offer[Layout]) -> None:
    hops = [Hop(entry=catalog.names[name], verb="apply") for name in chosen.runs]
    if found := _as_one.early_use(Plan("squash", _actions.build(hops, tree, layout))):
        problem, _, first, second = found
        msg = f"these cannot be a part of one file:\n  {problem}"
        raise PlanError(msg, (second.revision if second is not first else first.revision,))


def _with_ranges(error: PlanError, chosen: Chosen) -> PlanError:
    """What can be squashed all the same: the longest stretches without those that cannot."""
    ranges = []
    for cannot, group in groupby(chosen.runs, key=lambda name: name in error.revisions):
        some = list(group)
        if not cannot and len(some) > 1:
            ranges.append(f"{some[0]}..{some[-1]}")
    can = f"These ranges can be: {', '.join(ranges)}" if ranges else "No two of the others stand beside one another"
    return PlanError(f"{error}\n{can}.", error.revisions)
