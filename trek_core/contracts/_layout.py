"""Layouts: how a tree of files becomes entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from trek_core._dataclass import dataclass, field
from trek_core.model import Arrangement, Direction, Entry, Hop, Rules, Squashed, State

if TYPE_CHECKING:
    from trek_core.contracts._tree import Catalog, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a tree becomes entries, in order. Pure: it reads through the tree only. Kit: `trek_core.testing.LayoutSuite`.

    arrange: the entries in order, and what was left out. rules: the format's defaults, the user has the last word.
    smells: "looks like goose because …" if the folder is another tool's.
    route: only where edges, not sets, are the truth; it gets catalog, state, target and direction.
    new: the files `trek new TITLE` writes: name -> content, from the arrangement, the title and the kind ("sql", "py").
    numbered: another `new`, with numbers or timestamps whatever the folder's habit is. None: the format has one way.
    squash: one file for several revisions: gets the tree, these in the order in which they run, the names that it replaces,
    what it requires (None: as the first that it replaces) and its title. None: the format has no squashes.

    A1. trek calls `smells`, then `arrange`, once a run each, after the history was read and before a plan is made.
    A2. `arrange` gives every revision of the folder once, in the format's order; the order breaks ties.
    A3. Every file of the tree is in the `files` of an entry or in `ignored` with a reason: none is skipped in silence.
    A4. A parent is a revision or an alias of the arrangement, or replaced by one of its entries; no entry is its own ancestor.
    A5. `arrange`, `smells` and the functions of an entry read through the tree only.
    A6. The same files give the same arrangement and the same checksums, wherever the folder is.
    A7. `arrange` loads nothing: `Tree.load` waits for `Entry.load`.
    A8. `Entry.load` gives a `Script` with a way up, of the entry's `files` only, for every entry that is not skipped.
    A9. Any folder is arranged or refused with a `LoadError` or a `PlanError` that names a file, and nothing else is raised.
    A10. A folder without a file gives an arrangement without an entry.
    A11. Checksums are texts, and others when the way up was edited.
    A12. `smells` gives None for the format's own folders, and the reason as text for another tool's.
    A13. The files of `new`, and of what `numbered` gives, are not there yet, and fit the folder: arranged with the others
        they are one more revision, the last of those that run once; where none can be made `new` raises `ConfigError` or
        `PlanError`.
    A14. `route` leads from an empty history to "head", from there back to "base", and nowhere when it is there;
        each `Hop.before` is the `Hop.after` of the one before it.
    A15. What `squash` gives is not there yet and loads; arranged with the others it is one more revision, which replaces those
        names; where it cannot be made `squash` raises a `PlanError` with those that cannot be a part of it.
    """

    arrange: Callable[[Tree], Arrangement]
    rules: Rules = field(default_factory=Rules)
    smells: Callable[[Tree], str | None] = lambda tree: None
    route: Callable[[Catalog, State, str, Direction | None], Sequence[Hop]] | None = None
    new: Callable[[Arrangement, str, str], Mapping[str, str]] | None = None
    squash: Callable[[Tree, Sequence[Entry], Sequence[str], Sequence[str] | None, str], Squashed] | None = None
    numbered: (
        Callable[[Literal["number", "timestamp"]], Callable[[Arrangement, str, str], Mapping[str, str]]] | None
    ) = None
