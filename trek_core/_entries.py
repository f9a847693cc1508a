"""Revisions as a layout arranges them, and the steps of a route through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from trek_core._dataclass import dataclass, field
from trek_core._history import HistoryRow, Resume
from trek_core._scripts import Body, File, Script, Verb

if TYPE_CHECKING:
    from trek_core.contracts import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One revision as the layout arranged it.

    parents: revisions that must be applied first. load: reads and parses, when asked.
    checksums: the first is written, any of them is accepted, () means that the format keeps none.
    replaces: a squash. rerun: Flyway's R__, Liquibase's runOnChange. any_time: it may come after younger ones, refinery's U.
    series: entries of another one have an order of their own, and a target of one series leaves the others where they are.
    recorded False: leaves no trace in the history.
    skip: the reason why this entry does not count here. meta: a layout's word to the store of the same format.
    """

    revision: str
    load: Callable[[Tree], Script]
    title: str = ""
    parents: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    checksums: Callable[[Tree], tuple[str, ...]] = lambda tree: ()
    aliases: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    rerun: Literal["never", "changed", "always"] = "never"
    any_time: bool = False
    series: str = ""
    recorded: bool = True
    skip: str | None = None
    meta: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is no migration, and why. belongs: it is where it should be, and `trek check` does not mention it."""

    file: File
    reason: str
    belongs: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A layout's answer: the entries in order (that order breaks ties), and what it left out."""

    entries: tuple[Entry, ...]
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class Squashed:
    """The files of a squash, name -> content, and what somebody should look at."""

    files: Mapping[str, str]
    notes: tuple[str, ...] = ()


Choice = Literal["refuse", "warn", "allow"]
TransactionChoice = Literal["each", "plan"]
"""each: every migration commits by itself. plan: all migrations of a plan are one transaction, all or nothing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What to do when the files and the history disagree, and what commits. A format has its defaults, the user the last word.

    out_of_order: a pending migration is older than an applied one. missing: applied, but its file is gone.
    changed: applied, but its file was edited since. transaction: each migration commits by itself, or the whole plan does.
    """

    out_of_order: Choice = "refuse"
    missing: Choice = "refuse"
    changed: Choice = "refuse"
    transaction: TransactionChoice = "each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step of a route, before its script is loaded. `before` and `after` are the heads of the applied set.

    load overrides the entry's own loading and gives the body to run: for formats whose edges have scripts of their own.
    resume: it was begun outside a transaction, and goes on where that ended. told: of a mark, what another history says of it.
    """

    entry: Entry
    verb: Verb
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    load: Callable[[Tree], Body] | None = None
    resume: Resume | None = None
    told: HistoryRow | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A planner's answer: the steps, and what the user should hear although it was allowed."""

    hops: tuple[Hop, ...] = ()
    warnings: tuple[str, ...] = ()
