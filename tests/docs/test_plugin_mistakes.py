"""The common mistakes of the plugin pages are made, and give the messages that the pages show."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.docs.installed import distribution, installed
from tests.docs.pages import module
from tests.docs.plugin_pages import EXAMPLES, FOLDERS, LOG, SECRET, SQLX, STORE, Example, hold_message, messages
from tests.kits.diagonal import run
from trek_asyncpg import migrate
from trek_core import TrekError
from trek_core._config import Settings
from trek_core.cli._database import migrator
from trek_core.testing import LoaderSuite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.docs.conftest import Reader

ONE = {"0001_users.sql": "CREATE TABLE users (id int);\n", "0002_more.sql": "CREATE TABLE more (id int);\n"}
GRANTS = {"0004_grants.sqlx": "GRANT SELECT ON a TO {{owner}};\n", "owner.txt": "shop_owner"}
USERS = {"001-users/up.sql": "CREATE TABLE users (id int);\n"}


@dataclass(frozen=True)
class Mistake:
    """An example of a page with one thing changed, and what must happen: a run fails, or a kit's test does.

    change: texts of the module, and what stands there instead. hidden: a table that is there before. kit: the number in
    the name of the kit's test that finds it.
    """

    example: Example
    change: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    dsn: str = ""
    kit: str = ""

    @property
    def text(self) -> str:
        text = self.example.text
        for old, new in self.change.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text


def loader(change: Mapping[str, str], kit: str = "") -> Mistake:
    return Mistake(SQLX, change, GRANTS, kit=kit)


def layout(change: Mapping[str, str], kit: str = "", **more: str) -> Mistake:
    return Mistake(FOLDERS, change, {**USERS, **more}, {"layout": "folders"}, kit=kit)


def store(change: Mapping[str, str], before: str = "", kit: str = "") -> Mistake:
    return Mistake(STORE, change, ONE, {"store": "shop"}, before, kit=kit)


def executor(change: Mapping[str, str], dsn: str = "secret:secret", **settings: str) -> Mistake:
    return Mistake(SECRET, change, ONE, settings, dsn=dsn)


def observer(change: Mapping[str, str]) -> Mistake:
    return Mistake(LOG, change, ONE)


OTHER_SHAPE = "CREATE TABLE shop_steps (step bigint, revision text); INSERT INTO shop_steps VALUES (1, '0001')"
OWNER = '.replace("{{owner}}", Path("migrations/owner.txt").read_text())'
DOWN = 'raise RuntimeError("the log server is down")'
HOOK = "@hookimpl\ndef trek_register_loaders():"
KEY_ERROR = {"if found[1] in VALUES:": "if True:", '{"owner": "shop_owner"}': "{}"}
MISTAKES = {
    "an-accident": loader(KEY_ERROR),
    # ------------------------------------------------------------------ any plugin
    "plugin-import": loader({"import re\n": "import re\nimport jinja3\n"}),
    "plugin-misspelled": loader({HOOK: HOOK.replace("loaders", "loader")}),
    "plugin-unmarked": loader({"@hookimpl\n": ""}),
    "plugin-async-hook": loader({"def trek_register_loaders": "async def trek_register_loaders"}),
    "plugin-wrong-type": loader({"yield LOADER": "yield load"}),
    # ------------------------------------------------------------------ kinds
    "loader-raises": loader(KEY_ERROR),
    "loader-returns-none": loader({"return sql.load": "sql.load"}),
    "loader-is-async": loader({"def load(source": "async def load(source"}),
    "loader-reads-the-disk": loader(
        {"import re\n": "import re\nfrom pathlib import Path\n", "decode(source)\n": f"decode(source){OWNER}\n"}, "l3"
    ),
    "loader-suffix": loader({'(".sqlx",)': '("sqlx",)'}),
    "loader-taken": loader({'(".sqlx",)': '(".sql",)'}),
    "layout-skips": layout({'ignored.append(Ignored(file, "neither up.sql nor down.sql"))': "pass"}, "a3"),
    "layout-raises": layout({"found.setdefault(named[1], {})[": "found[named[1]]["}),
    "layout-gives-a-list": layout({"return Arrangement(tuple(entries), tuple(ignored))": "return entries"}),
    "layout-parent": layout({"parents=tuple(entry.revision for entry in entries[-1:])": 'parents=("000",)'}),
    "layout-duplicate": layout({}, **{"001-users-again/up.sql": "SELECT 1;\n"}),
    "layout-checksum": layout({".hexdigest(),)": ".digest(),)"}),
    "store-commits": store({"begin=(begin,)": 'begin=(begin, Sql("COMMIT"))'}),
    "store-key-error": store(
        {'if any(not {"step", *TEXTS} <= {*row} for row in rows or ()):': "if False:"}, OTHER_SHAPE
    ),
    "store-query": store({"pg_catalog.to_jsonb(t) FROM": "pg_catalog.to_jsonb(t) FORM"}),
    "store-next": store({"exists=True, next=history.next + 1": "exists=True"}, kit="s21"),
    "store-done-early": store({'"done" if action.mode == "transaction" else "started"': '"done"'}, kit="s27"),
    "store-abstract": store({"def locks(self, history)": "def lock(self, history)"}),
    "executor-connect-raises": executor(
        {"except FileNotFoundError as": "except ZeroDivisionError as", "(OSError, ": "("}
    ),
    "executor-connect-plain": executor({"@asynccontextmanager\n": ""}),
    "executor-scheme": executor({'("secret",), connect': '("postgresql",), connect'}),
    "executor-setting": executor({}, rolle="app"),
    "observer-raises": observer({"match event:": f"{DOWN}\n    match event:"}),
    "observer-is-plain": observer({"async def notify": "def notify"}),
    "observer-attribute": observer({"    match event:": "    print(event.action.name)\n    match event:"}),
}

ELSEWHERE = ("plugin-class", "plugin-conflict", "kit-unknown-capability", "kit-hidden-test")


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    for name in (*(example.module for example in EXAMPLES), "other_sqlx"):
        sys.modules.pop(name, None)


def test_every_message_of_the_pages_has_its_mistake() -> None:
    assert set(messages()) == {*MISTAKES, *ELSEWHERE}


@pytest.mark.parametrize("name", [name for name, found in MISTAKES.items() if not found.kit])
async def test_a_mistake_gives_the_message_of_its_page(
    name: str, reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mistake = MISTAKES[name]
    installed(reader.folder / "site", (mistake.example,), **{mistake.example.module: mistake.text})
    monkeypatch.syspath_prepend(reader.folder / "site")
    reader.has(mistake.files)
    if mistake.before:
        await reader.connection.execute(mistake.before)
    hold_message(name, (await said(mistake, reader, caplog)).strip())


async def said(mistake: Mistake, reader: Reader, caplog: pytest.LogCaptureFixture) -> str:
    """What the user is told."""
    try:
        if mistake.example is SECRET:
            settings = Settings(dsn=mistake.dsn, executor_settings=dict(mistake.options))
            await migrator(settings).status()
        else:
            await migrate(reader.connection, "migrations", **mistake.options)  # type: ignore[arg-type]
    except TrekError as error:
        return str(error)
    (first, *_) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return first


@pytest.mark.parametrize("name", [name for name, found in MISTAKES.items() if found.kit])
def test_a_mistake_is_found_by_its_kit(name: str, reader: Reader) -> None:
    mistake = MISTAKES[name]
    reader.has(mistake.files)
    module(mistake.example.module, mistake.text)
    made = module("test_plugin", mistake.example.test)
    (suite,) = [value for key, value in vars(made).items() if key.startswith("Test")]
    found = (outcome for test, outcome in run(suite).items() if f"_{mistake.kit}_" in test)
    message = next(outcome for outcome in found if outcome.startswith("failed: "))
    hold_message(name, message.removeprefix("failed: AssertionError: "))


async def test_a_class_instead_of_an_instance_is_refused_as_the_page_says(reader: Reader) -> None:
    text = SQLX.text.replace("@hookimpl\ndef trek_register_loaders():\n    yield LOADER", "")
    text += "class Plugin:\n    @hookimpl\n    def trek_register_loaders(self):\n        yield LOADER\n"
    reader.has(GRANTS)
    with pytest.raises(TrekError) as caught:
        await migrate(reader.connection, "migrations", plugins=[module(SQLX.module, text).Plugin])
    hold_message("plugin-class", str(caught.value))


async def test_two_plugins_of_one_name_are_refused_as_the_page_says(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(reader.folder / "site", (SQLX,))
    (reader.folder / "site/other_sqlx.py").write_text(SQLX.text)
    distribution(reader.folder / "site", "other-sqlx", {"other": "other_sqlx"}, "0.3")
    monkeypatch.syspath_prepend(reader.folder / "site")
    reader.has(GRANTS)
    with pytest.raises(TrekError) as caught:
        await migrate(reader.connection, "migrations")
    hold_message("plugin-conflict", str(caught.value))


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("kit-unknown-capability", {"without": {"direction": "each of our files holds both ways"}}),
        ("kit-hidden-test", {"test_l3_loading_does_no_io": lambda self: None}),
    ],
)
def test_what_a_kit_refuses_it_refuses_as_the_page_says(name: str, members: dict[str, object]) -> None:
    with pytest.raises(TypeError) as caught:
        type("TestSqlx", (LoaderSuite,), {"__module__": "test_plugin", **members})
    hold_message(name, str(caught.value))
