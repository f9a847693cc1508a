"""`TREK_TRACE_PLUGINS=1`: a line on stderr for all that happens to a plugin, and none without it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.promises.distributions import on_path, put
from tests.promises.messages import SQLX
from trek_core import ConnectError, Migrator, _trace
from trek_core._blame import Offer, blame
from trek_core.errors import PluginError
from trek_core.plugin import PluginHost
from trek_core.testing import MemoryDatabase, memory_backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = re.compile(
    r"trek: (?P<inside>(?:  )*)plugin '(?P<plugin>[^']+)'(?: \((?P<distribution>\S+ \S+)\))?: (?P<what>.+?)"
    r"(?:: (?P<ms>\d+\.\d) ms(?:, raised (?P<raised>.+))?)?"
)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as environ:
        environ.setenv("TREK_TRACE_PLUGINS", "1")
        _trace.look()
        yield
    _trace.look()


def lines(text: str) -> list[re.Match[str]]:
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    assert None not in found, text
    return [match for match in found if match]


def of(plugin: str, text: str) -> list[str]:
    """What is said of a plugin, without the time."""
    found = [match for match in lines(text) if match["plugin"] == plugin]
    return [match["what"] + (f", raised {match['raised']}" if match["raised"] else "") for match in found]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with on_path(tmp_path / "site") as made:
        yield made


def test_without_the_variable_there_is_no_line(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    assert PluginHost().loader_for("1.sqlx")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["", "0"])
def test_an_empty_variable_and_0_mean_no(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TREK_TRACE_PLUGINS", value)
    PluginHost().suffixes()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("traced")
def test_a_plugin_is_found_imported_registered_and_offers(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    PluginHost().suffixes()
    said = capsys.readouterr().err
    assert of("sqlx", said) == [
        "found shop_sqlx",
        "importing shop_sqlx",
        "registering",
        "hook trek_register_loaders",
        "offers loader sqlx (.sqlx)",
    ]
    assert {match["distribution"] for match in lines(said) if match["plugin"] == "sqlx"} == {"shop-sqlx 1.2"}
    timed = {match["what"].partition(" ")[0] for match in lines(said) if match["ms"]}
    assert timed == {"importing", "registering", "hook"}


@pytest.mark.usefixtures("traced")
def test_a_blocked_plugin_is_found_and_not_imported(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=SQLX)
    PluginHost(blocked=["sqlx"]).suffixes()
    assert of("sqlx", capsys.readouterr().err) == ["found shop_sqlx", "blocked"]


@pytest.mark.usefixtures("traced")
def test_a_plugin_given_by_hand_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    from trek_loaders import sql

    PluginHost([sql], entry_points=False).suffixes()
    assert of("trek_loaders.sql", capsys.readouterr().err)[0] == "given"
    PluginHost([sql]).suffixes()
    assert of("sql", capsys.readouterr().err)[-1] == "the same as plugin 'trek_loaders.sql'"


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("1 / 0", "importing shop_sqlx, raised ZeroDivisionError: division by zero"),
        ("x = 1", "registering, raised PluginContractError: plugin 'sqlx' (shop-sqlx 1.2): registering: "),
        (
            SQLX.replace("yield ", "yield 1 / 0 or "),
            "hook trek_register_loaders, raised ZeroDivisionError: division by zero",
        ),
    ],
)
def test_what_a_broken_plugin_raised_is_shown_on_one_line(
    site: Path, capsys: pytest.CaptureFixture[str], code: str, last: str
) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=code)
    assert [info.state for info in PluginHost().describe() if info.name == "sqlx"] == ["broken"]
    assert of("sqlx", capsys.readouterr().err)[-1].startswith(last)


@pytest.mark.usefixtures("traced")
def test_a_call_within_another_stands_before_it_and_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    with blame(Offer(1, "outer"), "Entry.load"), blame(Offer(2, "inner"), "Loader.load"):
        pass
    assert [(match["inside"], match["plugin"]) for match in lines(capsys.readouterr().err)] == [
        ("  ", "inner"),
        ("", "outer"),
    ]


@pytest.mark.usefixtures("traced")
def test_the_password_of_a_dsn_is_not_in_the_line_or_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    dsn = "postgresql://app:Tr0ub4dor@127.0.0.1/shop"
    with pytest.raises(PluginError) as raised, blame(Offer(1, "mine"), "connecting", secret=dsn):
        raise OSError(dsn)
    assert "Tr0ub4dor" not in f"{raised.value}{raised.value.__cause__}{capsys.readouterr().err}"
    with pytest.raises(ConnectError), blame(Offer(1, "mine"), "connecting", secret=dsn):
        raise ConnectError(dsn)
    said = capsys.readouterr().err
    assert "postgresql://app:***@127.0.0.1/shop" in said
    assert "Tr0ub4dor" not in said


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("stream", [None, "closed"])
def test_a_trace_that_nobody_can_read_fails_nothing(
    stream: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "err").open("w") as closed:
        pass
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", closed if stream else None)
        assert ".sql" in PluginHost().suffixes()


@pytest.mark.usefixtures("traced")
async def test_every_call_of_a_run_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their order is that of the picture in docs/plugins, which tests/docs compares."""
    (tmp_path / "1_users.sql").write_text("CREATE TABLE users (id int);")
    backend = memory_backend(MemoryDatabase(), plugins=[("ear", Ear())])
    await Migrator(backend, tmp_path).migrate()
    said = capsys.readouterr().err
    assert {match["what"] for match in lines(said) if match["plugin"] == "(given)"} == {
        *(f"VersionStore.{name}" for name in ("query", "history", "state", "locks", "record", "prepare")),
        *(f"Executor.{name}" for name in ("read", "lock", "lock: releasing", "run", "run: closing")),
    }
    heard = [what.removeprefix("Observer.notify") for what in of("ear", said) if what.startswith("Observer.notify")]
    assert heard == ["(RunStarted)", "(Started)", "(Done)", "(RunFinished)"]
    loading = next(match for match in lines(said) if "loading" in match["what"])
    assert (loading["plugin"], loading["inside"]) == ("sql", "  ")
    assert {what for what in of("native", said) if what[:5] in ("Layou", "Entry")} == {
        "Layout.smells",
        "Layout.arrange",
        "Entry.checksums(1)",
        "Entry.load(1)",
    }


class Ear:
    from trek_core.plugin import hookimpl

    @hookimpl
    def trek_register_observers(self):
        from trek_core.plugin import Observer

        return [Observer("ear", self.hear)]

    async def hear(self, event):
        pass
