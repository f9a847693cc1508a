"""The migrations themselves: what becomes of rows that were there before."""

import pytest


@pytest.mark.trek(target="0001")
async def test_a_guest_of_old_gets_an_empty_word(trek_connection, trek_migrator):
    await trek_connection.execute("INSERT INTO guests (name) VALUES ('Ann')")
    await trek_migrator.migrate("0002")
    assert await trek_connection.fetchval("SELECT word FROM guests WHERE name = 'Ann'") == ""


def test_every_migration_can_be_taken_back(trek_check):
    trek_check.migrations_are_reversible()


def test_nobody_has_begun_a_second_branch(trek_check):
    trek_check.single_head()
