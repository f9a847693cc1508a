"""What every project should know of its migrations, a line each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from trek_asyncpg import catalogue
from trek_asyncpg.testing._pytest._open import connection
from trek_core import compare, rehearse, scratch
from trek_core.plugin import TrekError

if TYPE_CHECKING:
    from trek_asyncpg.testing._pytest._background import Background
    from trek_asyncpg.testing._pytest._stock import Stock
    from trek_core import Drift, Migrator

Change = Literal["appeared", "vanished", "changed"]
Reference = str | PathLike[str] | Callable[[str], object]
WORDS: Mapping[Change, str] = {"vanished": "only by the migrations", "changed": "is another"}
NOWHERE = "postgresql:///"  # of a check that opens nothing
_OF_PSQL = re.compile(r"^\\(?:un)?restrict .*\n?", re.MULTILINE)
_DATA = re.compile(r"^COPY .* FROM stdin;$", re.MULTILINE | re.IGNORECASE)


class Checks:
    """Each fails the test with what is wrong and where, and says nothing otherwise. They need no async plugin."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request  # a check asks for a server where it needs one

    def single_head(self) -> None:
        """All files can be loaded, and no two revisions are the last one, as after a merge of two branches. No server."""
        try:
            found = self._migrator(NOWHERE).check()
        except TrekError as error:
            pytest.fail(str(error), pytrace=False)
        heads = [one for one in found.findings if one.name == "several-heads"]
        _fail("\n".join(f"{one}\n{one.advice}" for one in (*found.errors, *heads)))

    def migrations_are_reversible(self) -> None:
        """Each is applied, reverted and applied again on an empty database, and its way down leaves what was there.

        Only those that say `-- trek: irreversible` may lack one.
        """
        try:
            found = self._background.run(rehearse(self._migrator(self._base)))
        except TrekError as error:
            pytest.fail(str(error), pytrace=False)
        _fail("\n".join(map(str, (*(step for step in found.steps if not step.ok), *found.one_way))))

    def schema_matches(self, reference: Reference) -> None:
        """The migrations give the same schema as that: a file of SQL, such as a dump, or a function that makes it.

        The function, async or not, is given the DSN of an empty database. A file is looked for from the project's root.
        """
        name = reference.__name__ if callable(reference) else str(reference)
        drift = self._drift(_maker(self._request.config.rootpath, reference))
        words: Mapping[Change, str] = {
            "appeared": f"only in {name}",
            "vanished": "only by the migrations",
            "changed": "is another",
        }
        _fail(f"the migrations do not give the schema of {name}:\n{drift.text(words)}" if drift else "")

    def _drift(self, make: Callable[[str], object]) -> Drift:
        stock: Stock = self._request.getfixturevalue("_trek_stock")
        run = self._background.run
        ours = str(self._request.getfixturevalue("trek_dsn"))
        theirs = run(stock.take("base"))
        try:
            if inspect.isawaitable(made := make(theirs.dsn)):
                run(_awaited(made))
            return compare(*run(_catalogues(self._migrator(self._base), ours, theirs.dsn)))
        finally:
            run(stock.give_back(theirs))

    def _migrator(self, dsn: str) -> Migrator:
        made: Migrator = self._request.getfixturevalue("trek_migrator_for")(dsn)
        return made

    @property
    def _base(self) -> str:
        return str(self._request.getfixturevalue("trek_server").base)

    @property
    def _background(self) -> Background:
        made: Background = self._request.getfixturevalue("_trek_background")
        return made


def _fail(problem: str) -> None:
    if problem:
        pytest.fail(problem, pytrace=False)


async def _awaited(made: Awaitable[object]) -> None:
    await made


async def _catalogues(migrator: Migrator, *dsns: str) -> tuple[Mapping[str, str], ...]:
    """Without the history, whatever its store makes of it."""
    async with scratch(migrator.backend) as empty:
        history = empty.furniture
    found: list[Mapping[str, str]] = []
    for dsn in dsns:
        async with connection(dsn) as opened:
            every = await catalogue(opened)
        found.append({name: every[name] for name in every if name not in history})
    return tuple(found)


def _maker(root: Path, reference: Reference) -> Callable[[str], object]:
    if callable(reference):
        return reference
    text = (root / reference).read_text(encoding="utf-8-sig")
    if found := _DATA.search(text):
        pytest.fail(f"{reference} has data ({found[0]}): give the schema alone, as `pg_dump --schema-only` does", False)

    async def load(dsn: str) -> None:
        async with connection(dsn) as opened:
            await opened.execute(_OF_PSQL.sub("", text))

    return load
