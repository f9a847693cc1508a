"""A suite of 200 tests, each with a database of its own: clones of a template beside replaying the migrations, in turns.

    python -m benchmarks.pytest_fixture [--tests 200] [--rounds 3]

Whole processes of pytest, start of the server and the template included, plain and with `-n 2`; 30 migrations, those of
examples/shop and generated ones. A test writes two rows and reads them back. Seconds on the clock, and of processors: of
pytest, its workers and the server together, which says more on a machine that does other work. The seconds are medians, the
ratios medians of the ratios of the same round.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Table, seconds, times

SHOP = Path(__file__).parents[1] / "examples/shop/migrations"
MIGRATIONS = 30
GENERATED = """\
CREATE TABLE extra_{0} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL DEFAULT '', at timestamptz);
CREATE INDEX ON extra_{0} (note);
ALTER TABLE extra_{0} ADD CONSTRAINT extra_{0}_note CHECK (length(note) < 1000);
-- trek: down
DROP TABLE extra_{0};
"""
CLONES = 'pytest_plugins = ["trek_asyncpg.pytest_plugin"]\n'
REPLAY = """\
import pytest
from trek_asyncpg import migrate
from trek_asyncpg.testing import database

@pytest.fixture
async def trek_connection():
    async with database() as made:
        await migrate(made.dsn, "migrations")
        yield await made.connect()
"""
TESTS = """\
import pytest

@pytest.mark.parametrize("number", range({0}))
async def test_customers(trek_connection, number):
    add = "INSERT INTO customers (email, full_name) VALUES ($1, $2) RETURNING id"
    for name in ("Ann", "Bob"):
        assert await trek_connection.fetchval(add, f"{{name}}@example.org", name)
    assert await trek_connection.fetchval("SELECT count(*) FROM customers") == 2
"""
WAYS = {"a clone of the template": CLONES, "the migrations again": REPLAY}
Measured = dict[tuple[str, str], list[tuple[float, float]]]
OPTIONS = {"plain": (), "-n 2": ("-n", "2")}


def project(folder: Path, conftest: str, tests: int) -> Path:
    """A folder with everything that its pytest needs."""
    shutil.copytree(SHOP, folder / "migrations")
    fresh = MIGRATIONS - 21  # what a new database runs of the shop's: one replaces five
    for number in range(100, 100 + fresh):
        (folder / f"migrations/0{number}_extra.sql").write_text(GENERATED.format(number))
    (folder / "conftest.py").write_text(conftest)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    (folder / "test_it.py").write_text(TESTS.format(tests))
    return folder


def run(folder: Path, options: tuple[str, ...], tests: int) -> tuple[float, float]:
    """Seconds of the whole process: on the clock, and of processors."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    began, before = time.perf_counter(), spent()
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began, spent() - before
    if f"{tests} passed" not in done.stdout:
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    return took


def spent() -> float:
    """Seconds of processors that ended children took, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(tests: int, rounds: int) -> Measured:
    """Of each way and each option the seconds, a round each."""
    found: Measured = {(way, option): [] for way in WAYS for option in OPTIONS}
    with tempfile.TemporaryDirectory(prefix="trek-benchmarks-") as root:
        folders = {
            way: project(Path(root, str(number)), text, tests) for number, (way, text) in enumerate(WAYS.items())
        }
        for number in range(rounds):
            for (way, option), took in found.items():
                took.append(run(folders[way], OPTIONS[option], tests))
                told = " and ".join(map(seconds, took[-1]))
                print(f"round {number + 1}: {way}, {option}: {told}", file=sys.stderr, flush=True)
    return found


def table(found: Measured, tests: int) -> Table:
    """A line a way."""
    header = [word for option in OPTIONS for word in (option, "x", f"{option}: CPU", "x")]
    title = f"A suite of {tests} tests with a database each, {MIGRATIONS} migrations"
    made = Table(title, ("each test gets", *header))
    first = next(iter(WAYS))
    for way in WAYS:
        row = [way]
        for option in OPTIONS:
            for mine, base in zip(
                zip(*found[way, option], strict=True), zip(*found[first, option], strict=True), strict=True
            ):
                ratios = [a / b for a, b in zip(mine, base, strict=True)]
                row += [seconds(statistics.median(mine)), times(statistics.median(ratios))]
        made.rows.append(row)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pytest_fixture", description=__doc__)
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(table(measure(given.tests, given.rounds), given.tests).markdown())


if __name__ == "__main__":
    main()
