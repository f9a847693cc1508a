"""What a store that keeps steps tells of a run that died outside a transaction, and how another goes on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from trek_core import script
from trek_core.events import Done, StatementDone
from trek_core.model import Action, Call
from trek_core.testing._drive import action
from trek_core.testing._executing import results as results_of
from trek_core.testing._store_case import Bench, StoreTests


class ResumingTests(StoreTests):
    """S28 to S30. A store without `keeps_steps` promises nothing here."""

    async def test_s28_a_store_tells_how_far_it_came(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_steps:
                await bench.fails("a", mode="autocommit")
                await _check_came(bench, "a", 1, None, "its second statement failed, with its row in one query")
                await bench.run(action("b", bench.ground.note("1"), Call(_fail, "fail"), mode="autocommit"))
                await _check_came(bench, "b", 1, 2, "its second statement, which runs alone, was begun and failed")

    async def test_s28_and_which_statements_these_are(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_steps:
                stops = action("a", bench.ground.note("1"), Call(_fail, "fail"), mode="autocommit", checksum="file")
                await bench.run(stops)
                resume = (await bench.state()).resumes.get("a")
                found, wanted = resume and resume.checksums, script.prefix_checksums(stops)
                assert found == wanted, (
                    f"{bench.who}: 'a': its first statement is done, its second was begun: their checksums are {found}, want "
                    f"{wanted}: each row's is script.prefix_checksums(action)[number - 1]"
                )

    async def test_s29_whoever_had_begun_it_can_write_no_step(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_steps:
                await _check_overtaken(bench, 1, "it went on with its next step")

    async def test_s29_nor_its_end(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_steps:
                await _check_overtaken(bench, 3, "it wrote its end all the same")

    async def test_s30_after_its_finish_it_is_done(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_steps:
                async with _stopped(bench, 1):
                    pass
                await bench.done(await _resumed(bench))
                state = await bench.state()
                right = tuple(state.applied) == ("a",) and not state.unfinished
                assert right, (
                    f"{bench.who}: 'a' was resumed and came to its end: applied is {state.applied}, want ('a',), and "
                    f"unfinished are {[row.revision for row in state.unfinished]}, want none"
                )


async def _fail(connection: Any) -> None:  # noqa: ARG001 - a Call's signature
    msg = "made to fail"
    raise RuntimeError(msg)


async def _check_came(bench: Bench, name: str, done: int, begun: int | None, what: str) -> None:
    resume = (await bench.state()).resumes.get(name)
    found = resume and (resume.done, resume.open.step if resume.open else None)
    assert found == (done, begun), f"{bench.who}: {name!r}: {what}: done and begun are {found}, want {(done, begun)}"


def _three(bench: Bench) -> Action:
    return action("a", *map(bench.ground.note, ("1", "2", "3")), mode="autocommit")


@asynccontextmanager
async def _stopped(bench: Bench, number: int) -> AsyncIterator[Any]:
    """A run in a session of its own that has done so many statements of "a", and stands still."""
    units = await bench.units(_three(bench))
    async with bench.ground.session() as session, contextlib.aclosing(results_of(session, units)) as results:
        async for result in results:
            if isinstance(result, StatementDone) and result.number == number:
                break
        yield results


async def _resumed(bench: Bench) -> Action:
    resume = (await bench.state()).resumes.get("a")
    assert resume, f"{bench.who}: 'a' was begun and did not come to its end, and State.resumes has nothing of it"
    return replace(_three(bench), resume=resume)


async def _check_overtaken(bench: Bench, number: int, how: str) -> None:
    """What stood still after so many statements, while another run ended it, loses when it goes on."""
    async with _stopped(bench, number) as dead:
        await bench.done(await _resumed(bench))
        ended = [type(result) async for result in dead][-1:]
    notes = await bench.ground.notes()
    right = ended != [Done] and sorted(notes) == ["1", "2", "3"]
    assert right, (
        f"{bench.who}: a run stood still, another run ended what it had begun, and {how}: it ended "
        f"{ended[0].__name__ if ended else 'without a result'}, and the "
        f"statements left {sorted(notes)}, want each once. Claim with the next key, and close the row that began it."
    )
