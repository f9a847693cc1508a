"""`trek plugins` shows the broken ones too."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS
from tests.cli.test_terminal import terminal

if TYPE_CHECKING:
    from tests.cli.project import Project

OURS = {"asyncpg", "asyncpg-trek", "native", "python", "sql"}


LOUD = """
from trek_core.plugin import Observer, hookimpl

async def notify(event):
    raise RuntimeError("nobody listens")

@hookimpl
def trek_register_observers():
    yield Observer("loud", notify)
"""


@pytest.fixture
def broken(offline: Project) -> Project:
    """A distribution with an entry point whose module raises."""
    offline.install("acme", "raise RuntimeError('the acme licence expired')\n")
    return offline


def test_each_plugin_is_listed_with_what_it_offers(offline: Project) -> None:
    listed = {plugin["name"]: plugin for plugin in offline.run("plugins", "--json").json["plugins"]}
    assert set(listed) >= OURS
    assert listed["sql"]["offers"] == ["loader sql (.sql)"]
    assert listed["sql"]["hooks"] == ["trek_register_loaders"]
    assert listed["sql"]["distribution"] == "trek-migrate"
    assert listed["sql"]["version"] == importlib.metadata.version("trek-migrate")
    assert (listed["sql"]["state"], listed["sql"]["error"]) == ("works", "")


def test_a_piped_table_has_one_uncut_line_a_plugin(offline: Project) -> None:
    lines = offline.run("plugins").out.splitlines()
    assert lines[0].split() == ["NAME", "DISTRIBUTION", "STATE", "HOOKS", "OFFERS"]
    assert {line.split()[0] for line in lines[1:]} >= OURS
    assert any("executor asyncpg (postgresql, postgres)" in line for line in lines)


def test_the_document_has_every_field_of_every_plugin(broken: Project) -> None:
    listed = {
        plugin["name"]: plugin for plugin in broken.run("plugins", "--json", "--no-plugin", "sql").json["plugins"]
    }
    assert all(
        set(plugin) == {"name", "distribution", "version", "state", "hooks", "offers", "error"}
        for plugin in listed.values()
    )
    assert {name: listed[name]["state"] for name in ("acme", "sql", "native")} == {
        "acme": "broken",
        "sql": "blocked",
        "native": "works",
    }
    assert (listed["acme"]["distribution"], listed["acme"]["version"]) == ("acme", "1.2")
    assert "the acme licence expired" in listed["acme"]["error"]


MANY = """
from trek_core.plugin import Loader, hookimpl

def load(source): ...

@hookimpl
def trek_register_loaders():
    for number in range(12):
        yield Loader(f"templates-number-{number}", (f".template-{number}",), load)
"""


def test_on_a_terminal_of_80_columns_nothing_is_cut_off(offline: Project) -> None:
    offline.install("acme", MANY)
    with terminal(offline, "plugins", columns=80) as shown:
        code, text = shown.end()
    assert code == 0
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text
    assert all(f"(.template-{number})" in text for number in range(12))


def test_a_broken_plugin_is_listed_with_its_error_and_the_exit_code_is_0(broken: Project) -> None:
    ended = broken.run("plugins")
    assert ended.code == 0
    assert any(line.startswith("acme ") and " broken" in line for line in ended.out.splitlines())
    assert "the acme licence expired" in ended.err
    assert "Traceback" not in ended.err


def test_a_broken_plugin_fails_other_commands_with_2_and_the_message_names_the_way_out(broken: Project) -> None:
    ended = broken.run("new", "users", "--json")
    assert ended.code == 2
    assert ended.json["error"]["type"] == "PluginImportError"
    assert ended.json["error"]["plugin"] == "acme"
    assert ended.json["error"]["distribution"] == "acme 1.2"
    assert "--no-plugin acme" in ended.err
    assert broken.run("new", "users", "--no-plugin", "acme").code == 0


@pytest.mark.parametrize("command", ["plugins", "migrate", "new"])
def test_an_unknown_name_to_leave_out_is_a_usage_error_with_the_nearest(offline: Project, command: str) -> None:
    ended = offline.run(command, *(["users"] if command == "new" else []), "--no-plugin", "asyncpg-terk", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "UsageError")
    message = ended.json["error"]["message"]
    assert message.startswith("--no-plugin asyncpg-terk: no plugin has this name. Did you mean 'asyncpg-trek'?")
    there = message.partition("There are: ")[2].removesuffix(".").split(", ")
    assert there == sorted(there)
    assert set(there) >= OURS
    assert not (offline.folder / "migrations").exists()


def test_an_empty_name_to_leave_out_is_a_usage_error(offline: Project) -> None:
    assert offline.run("plugins", "--no-plugin", "").code == 2


def test_an_unknown_name_in_the_environment_is_listed_and_stops_nothing(offline: Project) -> None:
    offline.environ["TREK_DISABLE_PLUGINS"] = "elsewhere"
    ended = offline.run("plugins", "--no-plugin", "python")
    assert ended.code == 0
    assert "elsewhere: blocked, but no plugin has this name" in ended.err


def test_an_observer_that_raises_is_a_warning_without_a_traceback(project: Project) -> None:
    project.install("loud", LOUD)
    project.write({"0001_users.sql": USERS})
    ended = project.run("migrate")
    assert ended.code == 0
    assert ended.out.startswith("applied 0001 users")
    assert ended.err.startswith("warning: ")
    assert "plugin 'loud' (loud 1.2)" in ended.err
    assert "Traceback" not in ended.err


def test_the_trace_of_the_command_leaves_its_document_alone(project: Project) -> None:
    project.environ["TREK_TRACE_PLUGINS"] = "1"
    project.write({"0001_users.sql": USERS})
    ended = project.run("migrate", "--json")
    assert ended.code == 0
    assert [ran["revision"] for ran in ended.json["ran"]] == ["0001"]
    said = ended.err.splitlines()
    assert all(line.startswith("trek: ") for line in said)
    own = f"plugin 'asyncpg' (trek-migrate {importlib.metadata.version('trek-migrate')})"
    for place in (
        "executor asyncpg: connecting to postgresql:",
        "Executor.read: ",
        "Executor.lock: ",
        "Executor.run: ",
    ):
        assert any(line.startswith(f"trek: {own}: {place}") and " ms" in line for line in said), place
    assert any("Observer.notify(RunFinished)" in line for line in said)


def test_a_connection_that_the_executor_cannot_make_names_it_in_the_trace(offline: Project) -> None:
    offline.dsn = "postgresql://app:Tr0ub4dor@127.0.0.1:1/shop"
    offline.environ["TREK_TRACE_PLUGINS"] = "1"
    offline.write({"0001_users.sql": USERS})
    ended = offline.run("migrate")
    assert ended.code == 2
    assert "connecting to postgresql://app:***@127.0.0.1:1/shop" in ended.err
    assert ", raised ConnectError: cannot connect to" in ended.err
    assert "Tr0ub4dor" not in ended.err


CARELESS = """
from contextlib import asynccontextmanager
from trek_core.plugin import ExecutorProvider, hookimpl

@asynccontextmanager
async def connect(dsn, settings):
    raise OSError(f"cannot reach {dsn}")
    yield

@hookimpl
def trek_register_executors():
    yield ExecutorProvider("shop", ("shop",), connect)
"""


def test_an_executor_that_shows_the_dsn_is_blamed_and_the_password_is_not_shown(offline: Project) -> None:
    offline.install("shop", CARELESS)
    offline.environ |= {"TREK_TRACE_PLUGINS": "1", "TREK_TRACEBACK": "1"}
    (offline.folder / "trek.toml").write_text('dsn = "shop://app:Tr0ub4dor@127.0.0.1/shop"\n')
    offline.write({"0001_users.sql": USERS})
    ended = offline.run("migrate")
    assert ended.code == 2
    assert (
        "plugin 'shop' (shop 1.2): executor shop: connecting to shop://app:***@127.0.0.1/shop: raised OSError: "
        "cannot reach shop://app:***@127.0.0.1/shop\n" in ended.err
    )
    assert "Tr0ub4dor" not in ended.err


def test_an_executor_that_shows_the_dsn_without_its_own_scheme_shows_no_password(offline: Project) -> None:
    offline.install("shop", CARELESS.replace("{dsn}", "{dsn.removeprefix('shop:')}"))
    offline.environ |= {"TREK_TRACE_PLUGINS": "1", "TREK_TRACEBACK": "1"}
    offline.dsn = "shop:postgresql://app:Tr0ub4dor@127.0.0.1/shop"
    offline.write({"0001_users.sql": USERS})
    ended = offline.run("migrate")
    assert ended.code == 2
    assert ended.err.count("raised OSError: cannot reach postgresql://app:***@127.0.0.1/shop\n") >= 2
    assert "Tr0ub4dor" not in ended.err


UNTIDY = """
from contextlib import asynccontextmanager
from trek_core.plugin import ExecutorProvider, Provider, hookimpl
from trek_core.testing import MemoryStore, memory_backend

@asynccontextmanager
async def connect(dsn, settings):
    async with memory_backend().connect() as session:
        try:
            yield session
        finally:
            raise KeyError("x")

@hookimpl
def trek_register_version_stores():
    yield Provider("memory", lambda settings: MemoryStore())

@hookimpl
def trek_register_executors():
    yield ExecutorProvider("shop", ("shop",), connect)
"""


@pytest.mark.parametrize(
    ("up", "code", "said"),
    [
        (USERS, 2, "plugin 'shop' (shop 1.2): executor shop: closing: raised KeyError: 'x'"),
        ("DIVIDE BY ZERO;", 1, "applying 0001 users failed"),
    ],
    ids=["after a run", "after a failed migration"],
)
def test_an_executor_that_cannot_close_its_session_is_blamed_for_that_alone(
    offline: Project, up: str, code: int, said: str
) -> None:
    offline.install("shop", UNTIDY)
    offline.dsn = "shop://127.0.0.1/shop"
    (offline.folder / "trek.toml").write_text("store = 'memory'\n")
    offline.write({"0001_users.sql": up})
    ended = offline.run("migrate")
    assert (ended.code, said in ended.err) == (code, True), ended.err


NOTHING = CARELESS.replace('raise OSError(f"cannot reach {dsn}")\n    yield', "yield")


def test_an_executor_that_opens_no_session_is_blamed(offline: Project) -> None:
    offline.install("shop", NOTHING)
    offline.dsn = "shop://127.0.0.1/shop"
    offline.write({"0001_users.sql": USERS})
    ended = offline.run("migrate")
    assert ended.code == 2
    assert ended.err.startswith(
        "plugin 'shop' (shop 1.2): executor shop: connecting to shop://127.0.0.1/shop: gave None, want Executor\n"
    )
