"""Shows what would run, asks, runs exactly that, and writes a line of JSON for each thing that happened.

python examples/script/deploy.py [TARGET] [--yes]        DATABASE_URL names the database
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator, TrekError


class Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name.startswith("trek_")}
        return json.dumps({"level": record.levelname, "message": record.getMessage(), **fields})


def deploy(target: str, *, yes: bool) -> bool:
    migrator = Migrator(AsyncpgBackend(os.environ["DATABASE_URL"]), Path(__file__).parent / "migrations")
    plan = asyncio.run(migrator.plan(target))
    for action in plan.actions:
        print(f"{action.verb} {action.name}")
    if not plan:
        print("nothing to do")
    elif yes or input("Go on? [y/N] ") == "y":
        asyncio.run(migrator.apply(plan))
    else:
        return False
    return True


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("target", nargs="?", default="head")
    words.add_argument("--yes", action="store_true")
    given = words.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        return 0 if deploy(given.target, yes=given.yes) else 2
    except TrekError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
