"""The pictures of a run on the plugin authors' first page show who is called when: the trace of a real run says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from tests.docs.installed import installed
from tests.docs.pages import blocks, read
from tests.docs.plugin_pages import LOG, README, SQLX

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Reader

RUN = """\
import asyncio, sys
from trek_asyncpg import migrate
asyncio.run(migrate(sys.argv[1], "migrations"))
"""
_LINE = re.compile(r"^trek: ( *)plugin '[\w-]+'(?: \([^)]*\))?: (.*?)(?:: [\d.]+ ms)?$", re.MULTILINE)
_WORDS = (
    (re.compile(r"hook (trek_register_)\w+"), r"\1"),
    (re.compile(r"creating (?:store|layout) \w+"), "Provider.create"),
    (re.compile(r"loader \w+: loading .*"), "Loader.load"),
    (re.compile(r"Observer\.notify\((\w+)\)"), r"Observer.\1"),
    (re.compile(r"((?:Entry|Hop)\.\w+)\(.*\)"), r"\1"),
)
_PARTICIPANTS = {"hooks": "", "store": "VersionStore.", "executor": "Executor.", "loader": "Loader."}
_PARTICIPANTS |= {"layout": "Layout.", "observer": "Observer."}


async def traced(reader: Reader) -> str:
    """What a second run of a folder writes; in the first its table was made."""
    site = reader.folder / "site"
    installed(site, (LOG, SQLX))
    reader.has({"0001_a.sqlx": "CREATE TABLE a ();\n"})
    run(reader, site)
    reader.has({"0002_b.sqlx": "CREATE TABLE b ();\n"})
    return run(reader, site)


def run(reader: Reader, site: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(site), "TREK_TRACE_PLUGINS": "1"}
    environ["TREK_DISABLE_PLUGINS"] = "opentelemetry"  # it hears the same events
    command = [sys.executable, "-c", RUN, reader.database.dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=reader.folder, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stderr


def calls(trace: str) -> list[str]:
    """The calls in the order in which they began, each once where it is written in several lines."""
    found: list[str] = []
    within: list[str] = []
    for depth, what in _LINE.findall(trace):
        name = what
        for pattern, shown in _WORDS:
            name = pattern.sub(shown, name)
        if not re.fullmatch(r"(?:[A-Z]\w+\.\w+|trek_register_)", name):
            continue
        if depth:
            within.append(name)
        else:
            found += [name, *within]
            within = []
    running = found.index("Executor.run")
    found = found[: running + 1] + [name for name in found[running:] if name != "Executor.run"]
    return [name for name, _ in groupby(found)]


def drawn() -> list[str]:
    """The calls of the diagram."""
    (diagram,) = [found.text for found in blocks("mermaid", README)]
    arrows = re.findall(r"^ +\w+->>(\w+): ([\w.]+)", diagram, re.MULTILINE)
    return [word if "." in word else f"{_PARTICIPANTS[to]}{word}" for to, word in arrows]


async def test_the_diagram_shows_the_calls_of_a_run_in_their_order(reader: Reader) -> None:
    assert drawn() == calls(await traced(reader))


async def test_the_tree_names_what_is_called_in_its_order(reader: Reader) -> None:
    (tree,) = [found.text for found in blocks("", README) if found.text.startswith("migrate(")]
    shown = re.findall(r"(trek_register_|[A-Z]\w+\.\w+)", tree.partition("the history and the plan again")[0])
    first = list(dict.fromkeys(calls(await traced(reader))))
    now_and_then = {"Tree.read", "Tree.load", "Layout.route", "Observer.notify"}
    assert [name for name in shown if name not in now_and_then] == [
        name for name in first if name in shown and name not in now_and_then
    ]
    assert set(first) - set(shown) <= {"Executor.run"} | {name for name in first if name.startswith("Observer.")}


async def test_the_page_shows_lines_of_a_trace_as_they_are(reader: Reader) -> None:
    (shown,) = [found.text for found in blocks("", README) if found.text.startswith("trek: ")]
    of_this_run = re.compile(r"[\d.]+ ms|\d{4}_\w+|\b\d{4}\b")
    trace = of_this_run.sub("", await traced(reader)).splitlines()
    assert [line for line in of_this_run.sub("", shown).splitlines() if line not in trace] == []


@pytest.mark.parametrize("event", ["LockWaiting", "Started", "StatementDone", "Done", "Failed", "Lost", "RunFailed"])
def test_the_tree_names_every_event_that_an_observer_may_hear(event: str) -> None:
    assert re.search(rf"\b{event}\b", read(README))
