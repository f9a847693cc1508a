"""Going on by itself with what was begun outside a transaction: where that is certain, and where a human must look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from trek_core import script
from trek_core.errors import Unfinished
from trek_core.model import Action, HistoryRow, Resume, Sql, Statement
from trek_core.text import typed

_TEMPORARY = r"(?i)\s*CREATE\s+(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\b"


def unfinished(rows: Sequence[HistoryRow], facts: Sequence[str]) -> Unfinished:
    """The error for what a human must look at: one fact a revision, and both ways out."""
    first, shown = rows[0].revision, typed(rows[0].revision)
    listed = "".join(f"\n  {fact}" for fact in facts)
    msg = (
        f"begun and never completed, outside a transaction of trek's:{listed}\n"
        f"Look at what its statements left in the database (an INVALID index?), and finish or undo it by hand. Then say "
        f"that it is there with `trek repair {shown} --applied`, or that it is not with `trek repair {shown} --not-applied` "
        f"(in Python: Migrator.repair({first!r}, applied=…))."
    )
    return Unfinished(msg, tuple(row.revision for row in rows))


def since(row: HistoryRow, resume: Resume | None = None, total: int | None = None) -> str:
    """One fact: "0007, since 2026-01-01, 2 of 5 statements done", and what the database said when it failed."""
    begun = (resume.begun if resume else row).started_at or "an unknown time"
    said = f", failed with: {' '.join(row.problem.split())}" if row.problem else ""
    return f"{row.revision}, since {begun}" + (f", {came(resume, total)}" if resume else "") + said


def came(resume: Resume, total: int | None = None) -> str:
    """How far: "2 of 5 statements done"; without the total where the file has fewer by now."""
    known = total is not None and total >= resume.done
    of, number = (f" of {total}", total) if known else ("", resume.done)
    return f"{resume.done}{of} statement{'' if number == 1 else 's'} done"


def refuse_uncertain(action: Action) -> None:
    """Raises `Unfinished` for an action that resumes, if its statements alone show that it is not certain how to go on."""
    if action.resume is None:
        return
    if reason := next(_reasons(action, action.resume), ""):
        fact = since(action.resume.begun, action.resume, len(script.statements(action)))
        raise unfinished([action.resume.begun], [f"{fact}: {reason}"])


def goes_on(action: Action, done: int, *, begun: bool) -> bool:
    """Whether a run that finds so many statements done would go on by itself; begun: the next one may have run."""
    row = HistoryRow(revision=action.revision, verb=action.verb)
    checksums = script.prefix_checksums(action)[: done + begun]
    return not any(_reasons(action, Resume(row, done, row if begun else None, checksums=checksums)))


def _reasons(action: Action, resume: Resume) -> Iterator[str]:
    """Why a human must look, the first thing first."""
    body = script.statements(action)
    if action.mode == "transaction":
        yield "it was begun outside a transaction, and runs in one now"
    steps = resume.done + (resume.open is not None)
    if steps == 0:
        return
    if number := _edited(action, resume, steps):
        fate = "was edited" if number <= len(body) else "was removed"
        how = "is done" if number <= resume.done else "was begun"
        yield f"statement {number}, which {how}, {fate} since: put it back as it was (those after it may change)"
    yield from _own_transactions(action, body)
    yield from filter(None, (_lost(number, statement) for number, statement in enumerate(body[: resume.done], 1)))
    if resume.open is not None and resume.done < len(body) and not isinstance(body[resume.done], Sql):
        yield f"statement {resume.done + 1} was begun, and whether it ended is not known: trek cannot see what it did"


def _edited(action: Action, resume: Resume, steps: int) -> int:
    """The number of the first statement that is not the one which is done or was begun; 0 if all of them are."""
    if set(resume.checksums) == {action.checksum}:  # the version before gave every row the file's
        return 0
    pairs = zip_longest(resume.checksums, script.prefix_checksums(action)[:steps])
    return next((number for number, (was, now) in enumerate(pairs, 1) if was != now), 0)


def _own_transactions(action: Action, body: Sequence[Statement]) -> Iterator[str]:
    if action.mode == "message":
        yield "its queries may hold transactions of their own"
    for statement in body:
        if isinstance(statement, Sql) and statement.controls_transaction:
            yield f"it ends and begins transactions itself ({statement.controls_transaction} in line {statement.line})"
            return


def _lost(number: int, statement: Statement) -> str:
    """What a done statement may have left in a session that is gone: nothing after it would be as it was."""
    if isinstance(statement, Sql) and re.match(_TEMPORARY, statement.text):
        return f"the temporary table of statement {number} went with its session"
    if script.may_set(statement) and not script.sets(statement):
        return f"statement {number} is done, and what it may have set in its session is gone"
    return ""
