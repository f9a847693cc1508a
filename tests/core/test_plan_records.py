"""Of a database without a history the records of a plan are made when they are asked for; nobody sees a difference."""

from __future__ import annotations

import copy

import pytest

from trek_core import Migrator, Plan
from trek_core.plugin import Observer, PlanError
from trek_core.testing import MemoryDatabase, MemoryStore, memory_backend


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
