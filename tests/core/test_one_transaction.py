"""What cannot be one transaction is refused while planning, and names two files; what an executor must have for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.memory_place import THREE, Place
from trek_core import ConfigError, MigrationFailed, Migrator, PlanError, Rules
from trek_core.plugin import Executor
from trek_core.testing import MemoryExecutor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trek_core import Plan

ADDS = {"0001_mood.sql": "CREATE TYPE mood AS ENUM ('ok');", "0002_glad.sql": "ALTER TYPE mood ADD VALUE 'glad';"}
USES = "INSERT INTO days VALUES ('glad');"


async def planned(path: Path, files: Mapping[str, str], *, at: str = "", transaction: str = "plan") -> Plan:
    """The plan for head of a database that is at that revision."""
    place = Place(path).write(dict(files))
    if at:
        await place.migrator().stamp(at)
    backend = place.migrator().backend
    return await Migrator(backend, path, rules=Rules(transaction=transaction)).plan()  # type: ignore[arg-type]


async def refused(path: Path, files: Mapping[str, str], *, at: str = "") -> str:
    with pytest.raises(PlanError) as raised:
        await planned(path, files, at=at)
    assert type(raised.value) is PlanError
    assert str(raised.value).startswith("the plan for 'head' cannot be one transaction: ")
    return str(raised.value).replace(f"{path}/", "")


# --------------------------------------------------------------------------- outside a transaction
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\nCREATE INDEX CONCURRENTLY i ON t (a);", "it has CREATE INDEX CONCURRENTLY in line 2"),
        ("-- trek: no-transaction\nSELECT 1;", "it is in mode autocommit"),
    ],
)
async def test_what_runs_outside_a_transaction_is_refused_with_others(tmp_path: Path, text: str, why: str) -> None:
    said = await refused(tmp_path, {**THREE, "0002_2.sql": text})
    assert (
        f"0002_2.sql runs outside a transaction ({why}), and {tmp_path}/0001_1.sql is in the same plan"
        in said.replace("0001_1.sql", f"{tmp_path}/0001_1.sql")
    )
    assert "`trek migrate 0001`, `trek migrate 0002`, then the rest" in said
    assert 'transaction = "each"' in said
    said = await refused(tmp_path, {**THREE, "0002_2.sql": text}, at="0001")
    assert "0003_3.sql is in the same plan" in said


async def test_what_runs_outside_a_transaction_runs_in_a_plan_of_its_own(tmp_path: Path) -> None:
    plan = await planned(tmp_path, {"0001_a.sql": "CREATE INDEX CONCURRENTLY i ON t (a);"})
    assert (plan.actions[0].mode, plan.transaction, plan.as_one) == ("autocommit", "plan", False)


async def test_each_by_itself_refuses_neither(tmp_path: Path) -> None:
    files = {**ADDS, "0003_use.sql": USES, "0004_i.sql": "CREATE INDEX CONCURRENTLY i ON t (a);"}
    assert len((await planned(tmp_path, files, at="0001", transaction="each")).actions) == 3


# --------------------------------------------------------------------------- new values of an enum
@pytest.mark.parametrize(
    "uses",
    [
        USES,
        "CREATE TABLE days (m mood DEFAULT 'glad');",
        "DO $$ BEGIN UPDATE days SET m = 'glad'; END $$;",
        "SELECT 1;\nSELECT 2; SELECT E'a', 'glad'::mood;",
    ],
)
@pytest.mark.parametrize(
    "adds",
    [
        "ALTER TYPE mood ADD VALUE 'glad';",
        "alter type shop.\"mood\" add value if not exists 'glad' before 'ok';",
        "ALTER TYPE /* 'sad' */ mood -- of days\n ADD VALUE 'glad'",
        "DO $$ BEGIN ALTER TYPE mood ADD VALUE 'glad'; END $$",
    ],
)
async def test_a_new_value_of_an_enum_and_its_use_are_refused(tmp_path: Path, adds: str, uses: str) -> None:
    said = await refused(tmp_path, {**ADDS, "0002_glad.sql": adds, "0004_use.sql": uses}, at="0001")
    line = 1 + adds.count("\n")
    assert f"0002_glad.sql:{line} adds to the type" in said
    assert "0004_use.sql:" in said.split(", which")[0]
    assert "use the value 'glad'" in said
    assert "Bring the database to 0002 first: `trek migrate 0002`" in said


async def test_a_new_value_and_its_use_in_one_file_are_refused_with_their_lines(tmp_path: Path) -> None:
    text = "ALTER TYPE mood ADD VALUE 'glad';\n\n" + USES
    said = await refused(tmp_path, {**ADDS, "0002_glad.sql": text, "0003_more.sql": "SELECT 1;"}, at="0001")
    assert "0002_glad.sql:3 seems to use" in said
    assert "0002_glad.sql:1 adds" in said
    assert "Put the statement that adds it into a migration of its own" in said


@pytest.mark.parametrize(
    "files",
    [
        {"0003_other.sql": "INSERT INTO days VALUES ('ok'); ALTER TYPE mood ADD VALUE 'sad' AFTER 'glad';"},
        {"0003_other.sql": "-- 'glad' comes later\nSELECT 1 /* 'glad' */;"},
        {"0001a_before.sql": "INSERT INTO days VALUES ('glad');"},
        {"0002_glad.sql": "CREATE TYPE new AS ENUM ('a');\nALTER TYPE new ADD VALUE 'glad';", "0003_use.sql": USES},
        {
            "0002_glad.sql": "CREATE TYPE s.\"New\" AS ENUM ('a');",
            "0003_v.sql": "ALTER TYPE s.\"New\" ADD VALUE 'glad';" + USES,
        },
    ],
    ids=["other values", "in comments", "before it", "of a new type", "of a new quoted type"],
)
async def test_what_uses_no_new_value_is_planned(tmp_path: Path, files: dict[str, str]) -> None:
    assert (await planned(tmp_path, {**ADDS, **files}, at="0001")).as_one


# --------------------------------------------------------------------------- the executor
class EachByItself(MemoryExecutor):
    """As an executor that was written before there was more than `run`."""

    run_as_one = Executor.run_as_one


async def test_an_executor_without_it_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    place = Place(tmp_path).write(THREE)
    backend = place.migrator(EachByItself).backend
    migrator = Migrator(backend, tmp_path, transaction="plan")
    with pytest.raises(ConfigError) as raised:
        await migrator.migrate()
    said = str(raised.value)
    assert 'transaction = "plan" was asked for, and the executor EachByItself of ' in said
    assert "it has no run_as_one" in said
    assert place.database.ran == []
    assert [ran.revision for ran in (await migrator.migrate("0001")).ran] == ["0001"]  # one is all or nothing anyway


async def test_in_memory_a_plan_is_all_or_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path).write({**THREE, "0003_3.sql": "DIVIDE BY ZERO;"})
    migrator = Migrator(place.migrator().backend, tmp_path, transaction="plan")
    with pytest.raises(MigrationFailed, match="Nothing of the plan, 3 migrations in one transaction, remains"):
        await migrator.migrate()
    assert await place.applied() == []
    place.write({"0003_3.sql": "up 3;"})
    await migrator.migrate()
    assert await place.applied() == ["0001", "0002", "0003"]


# --------------------------------------------------------------------------- the script
async def test_no_script_is_made_where_the_history_is_not_written_in_sql(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"0001 1: its history is not written in SQL \(create .*\n"):
        (await planned(tmp_path, THREE)).sql()
