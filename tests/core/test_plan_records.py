"""Of a database without a history the records of a plan are made when they are asked for; nobody sees a difference."""

from __future__ import annotations

import copy

import pytest

from trek_core import Migrator, Plan, PluginContractError
from trek_core._blame import GIVEN, Offer
from trek_core._recording import Units, records, refuses_nothing
from trek_core.plugin import History, Observer, PlanError
from trek_core.testing import MemoryDatabase, MemoryStore, memory_backend
from trek_core.testing._drive import action


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_users.sql").write_text("CREATE TABLE users (id int);")
    return tmp_path


async def plan_that_an_observer_is_given(folder, store=None):
    seen = []

    async def notify(event):
        seen.append(event)

    backend = memory_backend(MemoryDatabase(), store=store)
    await Migrator(backend, folder, observers=[Observer("seeing", notify)]).migrate()
    return seen[0].plan


async def test_a_plan_for_an_empty_database_is_a_plan_with_its_records(folder):
    plan = await Migrator(memory_backend(MemoryDatabase()), folder).plan()
    assert type(plan) is Plan
    assert len(plan.records) == 1
    assert repr(plan).startswith("Plan(target='head'")


async def test_an_observer_may_ask_for_them_and_copy_the_plan(folder):
    plan = await plan_that_an_observer_is_given(folder)
    assert type(plan) is Plan
    assert copy.copy(plan).records is plan.records
    assert len(plan.records) == 1


async def test_a_store_that_refuses_what_it_would_write_refuses_the_plan(folder):
    class Refusing(MemoryStore):
        def record(self, action, history):
            msg = "no"
            raise PlanError(msg)

    with pytest.raises(PlanError, match=r"^no$"):
        await Migrator(memory_backend(MemoryDatabase(), store=Refusing()), folder).plan()


def test_a_plan_has_no_other_attributes():
    with pytest.raises(AttributeError, match="'Plan' object has no attribute 'recordz'"):
        _ = Plan("head").recordz


async def test_what_is_wrong_with_the_last_record_of_a_stranger_is_found_before_anything_runs(folder):
    class Faulty(MemoryStore):
        def record(self, action, history):
            return super().record(action, history) if action.index == 0 else None

    (folder / "0002_more.sql").write_text("CREATE TABLE more (id int);")
    migrator = Migrator(memory_backend(MemoryDatabase(), store=Faulty()), folder)
    with pytest.raises(PluginContractError, match=r"VersionStore\.record"):
        await migrator.migrate()
    assert not (await migrator.history()).exists


# --------------------------------------------------------------------------- made while a run is under way
@pytest.mark.parametrize("exists", [False, True])
def test_units_are_the_actions_and_their_records_however_often_they_are_read(exists):
    store, history = Offer(MemoryStore(), "asyncpg", "trek-migrate 1"), History(exists=exists)
    actions = [action(str(number)) for number in range(3)]
    units = Units(store, actions, history)
    made = list(zip(actions, records(store, actions, history), strict=True))
    assert [next(iter(units)), *units, *units] == [made[0], *made, *made]
    assert len(units) == 3


def test_only_what_the_store_of_trek_writes_of_a_transaction_is_known_to_be_right():
    store, inside = MemoryStore(), action("1")
    outside = action("2", mode="autocommit")
    assert refuses_nothing(Offer(store, "asyncpg", "trek-migrate 1"), [inside])
    assert not refuses_nothing(Offer(store, "asyncpg", "trek-migrate 1"), [inside, outside])
    assert not refuses_nothing(Offer(store, "formats", "trek-migrate 1"), [inside])
    assert not refuses_nothing(Offer(store, "asyncpg", "trek-migrate-more 1"), [inside])
    assert not refuses_nothing(Offer(store, GIVEN), [inside])
