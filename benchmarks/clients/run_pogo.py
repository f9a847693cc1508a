"""pogo-migrate: `python run_pogo.py apply|check FOLDER DSN`."""

from pathlib import Path

from given import run
from pogo_core.util.migrate import apply


async def work(connection, folder):
    await apply(connection, Path(folder), schema_name="public")


if __name__ == "__main__":
    run(work)
