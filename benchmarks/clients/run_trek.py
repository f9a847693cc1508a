"""trek from Python, with a connection that is given: `python run_trek.py apply|check FOLDER DSN`."""

from given import run

from trek_asyncpg import migrate


async def work(connection, folder):
    await migrate(connection, folder)


if __name__ == "__main__":
    run(work)
