"""Every bad input gives its own error, says where, what and what to do, leaves the database alone, and stands in the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.errors import (
    cases_as_one,
    cases_asgi,
    cases_convert,
    cases_files,
    cases_places,
    cases_plan,
    cases_run,
    cases_session,
    cases_targets,
    page,
)
from tests.errors.stage import Case, Stage, witnessed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database, Roles

CASES = (
    *cases_files.CASES,
    *cases_places.CASES,
    *cases_plan.CASES,
    *cases_run.CASES,
    *cases_as_one.CASES,
    *cases_session.CASES,
    *cases_targets.CASES,
    *cases_convert.CASES,
    *cases_asgi.CASES,
)


@pytest.fixture
async def stage(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    connection: Connection,
    other: Connection,
    make_role: Roles,
    request: pytest.FixtureRequest,
) -> Stage:
    monkeypatch.chdir(tmp_path)
    return Stage(tmp_path, database, connection, other, make_role, request.getfixturevalue)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_error_says_what_was_found_and_what_to_do_and_the_page_shows_it(case: Case, stage: Stage) -> None:
    witness = await stage.database.connect()
    stage.write(case.files)
    await case.before(stage)
    before = await witnessed(witness)
    with pytest.raises(case.error) as raised:
        await case.act(stage)
    message = stage.normal(str(raised.value))
    assert raised.type is case.error
    assert [words for words in case.says if words not in message] == [], message
    assert (await witnessed(witness) != before) is case.writes
    page.hold(case.name, message)
