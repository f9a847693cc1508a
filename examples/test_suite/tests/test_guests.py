"""Each test has a database of its own, migrated, and does with it what it likes."""

from guest_book import guests, sign


async def test_the_book_begins_empty(trek_connection):
    assert await guests(trek_connection) == []


async def test_guests_stand_in_the_order_of_their_coming(trek_connection):
    await sign(trek_connection, "Ann", "hello")
    await sign(trek_connection, "Ben", "me too")
    assert await guests(trek_connection) == ["Ann: hello", "Ben: me too"]


async def test_a_pool_is_there_too(trek_pool):
    async with trek_pool.acquire() as connection:
        await sign(connection, "Ann", "hello")
    async with trek_pool.acquire() as connection:
        assert await guests(connection) == ["Ann: hello"]
