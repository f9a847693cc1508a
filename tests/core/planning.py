"""What the tests of catalog, planner and status share: entries, states and plans in one line each."""

from __future__ import annotations

from collections.abc import Sequence

from trek_core._catalog import EntryCatalog, build
from trek_core._planner import route
from trek_core.model import Arrangement, Direction, Entry, File, HistoryRow, Route, Rules, Script, State

UP, DOWN = Direction.up, Direction.down


def entry(revision: str, *parents: str, **more: object) -> Entry:
    file = File(f"{revision}_title.sql", "migrations")
    return Entry(**{"revision": revision, "parents": parents, "files": (file,), "load": load, **more})  # type: ignore[arg-type]


def load(tree: object) -> Script:
    return Script(None)


def catalog(*entries: Entry) -> EntryCatalog:
    return build(Arrangement(entries))


def chain(*revisions: str) -> list[Entry]:
    return [entry(name, *revisions[max(at - 1, 0) : at]) for at, name in enumerate(revisions)]


def numbers(first: int, last: int) -> list[str]:
    return [f"{number:04}" for number in range(first, last + 1)]


def row(revision: str, **more: object) -> HistoryRow:
    facts = {"checksum": "0123456789abcdef0123", "finished_at": f"2026-01-01T00:00:00Z/{revision}"}
    return HistoryRow(**{"revision": revision, **facts, **more})  # type: ignore[arg-type]


def state(*applied: str, unfinished: Sequence[HistoryRow] = ()) -> State:
    return State(tuple(applied), {name: row(name) for name in applied}, tuple(unfinished))


def plan(  # noqa: PLR0917 - the tests' tables read better
    entries: EntryCatalog | Sequence[Entry],
    applied: State | Sequence[str],
    target: str = "head",
    direction: Direction | None = None,
    rules: Rules | None = None,
    edited: Sequence[str] = (),
) -> Route:
    known = entries if isinstance(entries, EntryCatalog) else catalog(*entries)
    at = applied if isinstance(applied, State) else state(*applied)
    checksum = "feedfacecafebeef"
    return route(
        known,
        at,
        target,
        direction,
        rules or Rules(),
        lambda pairs: {entry.revision: checksum for entry, _ in pairs if entry.revision in edited},
    )


def steps(answer: Route) -> list[str]:
    """ "+0001" applied, "-0001" reverted, "*0001" run again."""
    signs = {"apply": "+", "revert": "-", "rerun": "*"}
    return [signs[hop.verb] + hop.entry.revision for hop in answer.hops]
