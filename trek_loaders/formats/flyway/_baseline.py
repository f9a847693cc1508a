"""What a baseline makes count as applied although no row tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import replace
from trek_loaders.formats.flyway._versions import BASELINE, Key, key, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Catalog, Entry, HistoryRow, State


def with_baseline(state: State, rows: Sequence[HistoryRow], catalog: Catalog) -> State:
    """Nothing that is not above the baseline is pending, and nobody compares its file with a row.

    A baseline script counts as applied as soon as anything else was applied that it does not stand for.
    """
    line = max((key(row.data["version"]) for row in rows if row.data["type"] == "BASELINE"), default=None)
    below = {} if line is None else dict.fromkeys(one.revision for one in catalog.entries if _reaches(one, line))
    if below:
        left = {name: row for name, row in state.rows.items() if name not in below}
        state = replace(state, applied=(*below, *(name for name in state.applied if name not in below)), rows=left)
    return _passed_by(state, line, catalog)


def _reaches(entry: Entry, line: Key) -> bool:
    version = version_of(entry.revision)
    return version is not None and key(version) <= line


def _passed_by(state: State, line: Key | None, catalog: Catalog) -> State:
    scripts = [entry for entry in catalog.entries if entry.revision.startswith(BASELINE)]
    applied = set(state.applied)
    begun = line is not None or any(version_of(name) for name in applied)
    needless = [e.revision for e in scripts if begun and e.revision not in applied and applied.isdisjoint(e.replaces)]
    return replace(state, applied=(*needless, *state.applied)) if needless else state
