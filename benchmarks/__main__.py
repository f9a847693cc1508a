"""trek beside its peers and the floors, in one run: `python -m benchmarks`.

Makes an environment of its own for the peers (asyncpg-trek, pogo-migrate, yoyo, alembic from PyPI, dbmate from npm) in
the user's cache, and says of each that cannot be had why. The server is TREK_TEST_DSN's (a superuser's; databases are
made and dropped), else the embedded one without fsync. Progress goes to stderr, the tables to stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks import environment
from benchmarks.bench import Bench, say
from benchmarks.publish import publish, write
from benchmarks.report import Table, promises
from benchmarks.server import server, version
from benchmarks.workloads import WORKLOADS

HEAD = """\
# Benchmarks

`python -m benchmarks`, {date}: {machine}, {server}. {seconds:.0f} s in all.

Every ratio is the median of the ratios of the same round of one run, tools in turns: other machines have other
milliseconds, and much the same ratios. After each run the database was looked at: did each migration run once?

{versions}
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, one round: does all of it work?")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, help="instead of each workload's own number")
    parser.add_argument("--here", action="store_true", help="this Python, trek and the floors: no peers, no plot")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write RESULTS.md, summary.md, benchmarks.svg")
    parser.add_argument("--publish", action="store_true", help="write them to their places in the repository")
    given = parser.parse_args()
    if given.publish and (given.quick or given.only or given.here):
        parser.error("what is published is a whole run: --publish goes without --quick, --only and --here")
    return given


async def measure(given: argparse.Namespace, env: environment.Environment) -> tuple[dict[str, list[Table]], str]:
    found = {}
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trek-benchmarks-")))
        dsn = await stack.enter_async_context(server())
        bench = Bench(env, dsn, root, stack, given.quick, given.rounds)
        for name in given.only or WORKLOADS:
            found[name] = await WORKLOADS[name](bench)
            print("\n".join(table.markdown() for table in found[name]), flush=True)
        return found, await version(dsn)


def head(env: environment.Environment, server: str, seconds: float) -> str:
    lines = [", ".join(environment.versions(env)) + "."]
    lines += [f"Not measured: {tool}: {why}." for tool, why in env.missing.items()]
    machine = f"{platform.system()}, {os.cpu_count()} cores"
    date = time.strftime("%Y-%m-%d %H:%M")
    return HEAD.format(date=date, machine=machine, server=server, seconds=seconds, versions="\n".join(lines))


def main() -> None:
    given = arguments()
    say("the environment of the tools" if not given.here else "no peers: this Python")
    env = environment.Environment.here() if given.here else environment.prepare()
    for tool, why in env.missing.items():
        say(f"without {tool}: {why}")
    started = time.monotonic()
    found, server_version = asyncio.run(measure(given, env))
    text = head(env, server_version, time.monotonic() - started)
    tables = [table for several in found.values() for table in several]
    print(f"{text}\n{promises(tables).markdown()}")
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        if given.out or given.publish:
            write(out, text, tables, env)
        if given.publish:
            publish(out)
    say("done")


if __name__ == "__main__":
    main()
