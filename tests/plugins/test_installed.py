"""Strangers' distributions, built, installed in a fresh environment beside trek's own wheel, found and used."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.environment import Environment, build_wheel, installed_environment

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

SAMPLES = Path(__file__).parent
NAMES = ("trek-shop-j2", "trek-audit-store", "trek-file-store", "trek-shop-telemetry")
OURS_OFF = {"TREK_DISABLE_PLUGINS": "jinja,opentelemetry"}  # what the samples' own pages say
OFFERED = {
    "shop-j2": ("trek-shop-j2 1.4.0", "loader shop-j2 (.sql.j2)"),
    "audit": ("trek-audit-store 0.3.1", "store audit"),
    "file": ("trek-file-store 0.1.0", "store file"),
    "shop-telemetry": ("trek-shop-telemetry 2.0.0", "observer shop-telemetry"),
}
TESTS = {
    "trek-shop-j2": (14, 0),
    "trek-audit-store": (38, 0),
    "trek-file-store": (43, 3),
    "trek-shop-telemetry": (2, 0),
}
"""Fewest that pass, and those that a capability which is declared missing skips."""
SPANS = """
import atexit, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trek_core.cli import main

exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
show = lambda: print(*(f"{s.name}/{s.attributes['shop.team']}" for s in exporter.get_finished_spans()), file=sys.stderr)
atexit.register(show)
sys.argv = ["trek", "migrate"]
main()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, copied to where a build and a test run leave nothing behind that matters."""
    folder = tmp_path_factory.mktemp("samples")
    for name in NAMES:
        shutil.copytree(SAMPLES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, trek_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    wheels = [build_wheel(built / name, built / "dist") for name in NAMES]
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    return installed_environment(folder, trek_wheel, *wheels, "opentelemetry-sdk")


def folder(tmp_path: Path, **files: str) -> Path:
    """A project with those migrations; a double underscore stands for a dot."""
    (tmp_path / "migrations").mkdir()
    for name, content in files.items():
        (tmp_path / "migrations" / name.removeprefix("m").replace("__", ".")).write_text(content)
    return tmp_path


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND oid > 16383"
    )
    return {row["name"] for row in rows}


# ----------------------------------------------------------------------- found
def test_all_four_are_listed_by_entry_point_with_distribution_and_version(
    installed: Environment, tmp_path: Path
) -> None:
    found = installed.plugins(cwd=tmp_path, **OURS_OFF)
    for name, (distribution, offer) in OFFERED.items():
        info = found[name]
        assert f"{info['distribution']} {info['version']}" == distribution
        assert (info["state"], info["offers"], info["error"]) == ("works", [offer], "")
    assert [found[name]["state"] for name in ("jinja", "opentelemetry")] == ["blocked", "blocked"]


def test_two_loaders_of_one_suffix_are_a_conflict_that_names_both_and_the_way_out(
    installed: Environment, tmp_path: Path
) -> None:
    project = folder(tmp_path, m0001_a__sql="SELECT 1;")
    done = installed.run(
        installed.trek, "migrate", "--dsn", "postgresql://nobody@localhost/none", cwd=project, ok=False
    )
    assert done.returncode != 0
    for words in ("'.sql.j2'", "'jinja'", "'shop-j2'", "trek-shop-j2 1.4.0", "trek-migrate 0.1.0"):
        assert words in done.stderr, done.stderr
    for way_out in ("--no-plugin jinja", "--no-plugin shop-j2"):
        assert way_out in done.stderr, done.stderr
        freed = installed.plugins(*way_out.split(), cwd=project)
        assert not [info["error"] for info in freed.values() if info["error"]]


# ----------------------------------------------------------------------- used
async def test_templates_of_the_shop_are_migrated(
    installed: Environment, tmp_path: Path, database: Database, connection: Connection
) -> None:
    text = "{% for tenant in tenants %}\nCREATE TABLE {{ tenant }} (id int);\n{% endfor %}"
    project = folder(tmp_path, m0001_tenants__sql__j2=text)
    installed.run(installed.trek, "migrate", cwd=project, TREK_DSN=database.dsn, **OURS_OFF)
    assert await tables(connection) == {"north", "south", "trek_history"}


async def test_the_audit_table_has_who_what_and_the_ticket(
    installed: Environment, tmp_path: Path, database: Database, connection: Connection
) -> None:
    project = folder(tmp_path, m0001_a__sql="CREATE TABLE a (id int);")
    (project / "trek.toml").write_text('store = "audit"\n[store-settings]\nticket = "OPS-1"\n')
    installed.run(installed.trek, "migrate", cwd=project, TREK_DSN=database.dsn, **OURS_OFF)
    (row,) = await connection.fetch("SELECT what, ticket, revision, state, who FROM audit.changes")
    assert tuple(row) == ("migration", "OPS-1", "0001", "done", await connection.fetchval("SELECT session_user"))
    assert await tables(connection) == {"a", "audit.changes"}


async def test_the_history_in_a_file_leaves_nothing_in_the_database(
    installed: Environment, tmp_path: Path, database: Database, connection: Connection
) -> None:
    project = folder(tmp_path, m0001_a__sql="CREATE TABLE a (id int);")
    (project / "trek.toml").write_text('store = "file"\n[store-settings]\npath = "history.jsonl"\n')
    for _ in range(2):  # the second time there is nothing to do
        installed.run(installed.trek, "migrate", cwd=project, TREK_DSN=database.dsn, **OURS_OFF)
    head, row = map(json.loads, (project / "history.jsonl").read_text().splitlines())
    assert (head, row["revision"], row["state"]) == ({"trek-file-store": 1}, "0001", "done")
    assert await tables(connection) == {"a"}


async def test_spans_have_the_shop_s_team(installed: Environment, tmp_path: Path, database: Database) -> None:
    project = folder(tmp_path, m0001_a__sql="CREATE TABLE a (id int);")
    variables = {"TREK_DSN": database.dsn, "SHOP_TEAM": "payments", **OURS_OFF}
    done = installed.run(installed.python, "-c", SPANS, cwd=project, **variables)
    assert done.stderr.splitlines()[-1] == "trek apply/payments trek run/payments"


# ----------------------------------------------------------------------- tested
@pytest.mark.parametrize("name", NAMES)
async def test_its_own_tests_are_green_where_it_is_installed(
    installed: Environment, built: Path, name: str, database: Database
) -> None:
    command = [installed.python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests"]
    done = installed.run(*command, cwd=built / name, TREK_TEST_DSN=database.dsn, **OURS_OFF)
    counts = dict(re.findall(r"(\d+) (passed|skipped|failed|error)", done.stdout.splitlines()[-1]))
    told = {word: int(number) for number, word in counts.items()}
    fewest, skipped = TESTS[name]
    assert told["passed"] >= fewest
    assert told.get("skipped", 0) == skipped
    reasons = re.findall(r"^SKIPPED \[(\d+)\] .*: without ", done.stdout, re.MULTILINE)
    assert sum(map(int, reasons)) == skipped
