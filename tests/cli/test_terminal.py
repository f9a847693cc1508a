"""On a terminal: the display, the tables, and the question before going down."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS, WAIT, Ended, interrupt

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Awaitable, Callable, Iterator

    from tests.cli.project import Project
    from tests.support.databases import Connection

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A process whose three streams are a terminal."""

    process: subprocess.Popen[str]
    screen: int
    seen: str = ""

    def read_until(self, text: str) -> str:
        while text not in self.seen and self._more():
            pass
        assert text in self.seen
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def end(self) -> tuple[int, str]:
        while self._more():
            pass
        lines = ESCAPES.sub("", self.seen).replace("\r\n", "\n").split("\n")
        return self.process.wait(60), "\n".join(line.rpartition("\r")[2] for line in lines)

    def _more(self) -> bool:
        ready, _, _ = select.select([self.screen], [], [], 60)
        assert ready, f"nothing more came after: {self.seen}"
        try:
            read = os.read(self.screen, 4096)
        except OSError:  # Linux: the other side is closed
            read = b""
        self.seen += read.decode(errors="replace")
        return bool(read)


@contextmanager
def terminal(project: Project, *words: str, columns: int = 200) -> Iterator[Terminal]:
    project.environ |= {"TERM": "xterm", "COLUMNS": str(columns)}
    screen, streams = pty.openpty()
    process = project.start(*words, stdin=streams, stdout=streams, stderr=streams, start_new_session=True)
    os.close(streams)
    with os.fdopen(screen, "r+b", buffering=0):
        yield Terminal(process, screen)


@pytest.fixture
def migrated(project: Project) -> Project:
    project.write(THREE)
    assert project.run("migrate").code == 0
    return project


def test_the_lines_and_the_summary_stay_on_the_screen(project: Project) -> None:
    project.write(THREE)
    with terminal(project, "migrate") as shown:
        code, text = shown.end()
    assert code == 0
    lines = [line for line in text.splitlines() if re.match(r"applied \d", line)]
    assert [line.split()[1] for line in lines] == ["0001", "0002", "0003"]
    assert text.splitlines()[-1].startswith("3 migrations in ")


async def test_the_display_shows_what_is_running_and_how_many_there_are(project: Project, held: Connection) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": f"-- trek: no-transaction\n{WAIT}"})
    with terminal(project, "migrate") as shown:
        await asyncio.to_thread(shown.read_until, "applying 0002 wait")
        await asyncio.to_thread(shown.read_until, "1/2")
        await held.execute("SELECT pg_advisory_unlock_all()")
        code, _ = await asyncio.to_thread(shown.end)
    assert code == 0


async def test_the_display_shows_how_many_are_running_in_one_query(project: Project, held: Connection) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": WAIT, "0003_more.sql": "SELECT 1;"})
    with terminal(project, "migrate") as shown:
        await asyncio.to_thread(shown.read_until, "applying 0001 users and 2 more")
        await asyncio.to_thread(shown.read_until, "0/3")
        await held.execute("SELECT pg_advisory_unlock_all()")
        code, text = await asyncio.to_thread(shown.end)
    assert code == 0
    assert len(re.findall(r"\(3 together in ", text)) == 3


async def test_the_display_shows_the_statement_of_a_non_transactional_migration(
    project: Project, held: Connection
) -> None:
    steps = "-- trek: no-transaction\nSELECT 1;\nSELECT pg_advisory_lock(42);\nSELECT 2;\n"
    project.write({"0001_steps.sql": steps})
    with terminal(project, "migrate") as shown:
        await asyncio.to_thread(shown.read_until, "applying 0001 steps, statement 2 of 3")
        await held.execute("SELECT pg_advisory_unlock_all()")
        code, _ = await asyncio.to_thread(shown.end)
    assert code == 0


async def test_the_display_shows_who_holds_the_lock(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]]
) -> None:
    project.write({"0001_wait.sql": WAIT})
    first = project.start("migrate")
    await somebody_waits()
    with terminal(project, "migrate") as shown:
        await asyncio.to_thread(shown.read_until, "waiting for the migration lock: server process ")
        await held.execute("SELECT pg_advisory_unlock_all()")
        code, text = await asyncio.to_thread(shown.end)
    await asyncio.to_thread(first.communicate, timeout=60)
    assert code == 0
    assert text.splitlines()[-1] == "up to date at 0001"


# --------------------------------------------------------------------------- the question
def test_going_down_shows_the_plan_asks_and_runs_it_on_y(migrated: Project) -> None:
    with terminal(migrated, "migrate", "-2") as shown:
        before = shown.read_until("[y/N]")
        assert "revert 0003 index" in before
        assert "revert 0002 email" in before
        shown.type("y\n")
        code, text = shown.end()
    assert code == 0
    assert text.splitlines()[-1].startswith("2 migrations in ")
    assert [one["state"] for one in migrated.run("status", "--json").json["revisions"]] == [
        "applied",
        "pending",
        "pending",
    ]


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_any_other_answer_does_nothing_and_gives_2(migrated: Project, answer: str) -> None:
    with terminal(migrated, "migrate", "base") as shown:
        shown.read_until("[y/N]")
        shown.type(answer)
        code, text = shown.end()
    assert code == 2
    assert text.splitlines()[-1] == "Nothing was done."
    assert migrated.run("status", "--check").code == 0


def test_ctrl_c_at_the_question_does_nothing_and_gives_130(migrated: Project) -> None:
    with terminal(migrated, "migrate", "base") as shown:
        shown.read_until("[y/N]")
        interrupt(shown.process)
        code, text = shown.end()
    assert code == 130
    assert text.splitlines()[-1] == "interrupted. Nothing was done."
    assert migrated.run("status", "--check").code == 0


def test_what_runs_is_what_was_shown_or_nothing(migrated: Project) -> None:
    with terminal(migrated, "migrate", "-1") as shown:
        shown.read_until("[y/N]")
        assert migrated.run("migrate", "-1", "--yes").code == 0  # now -1 would be 0002
        shown.type("y\n")
        code, text = shown.end()
    assert code == 2
    assert "the database moved" in text
    assert [one["state"] for one in migrated.run("status", "--json").json["revisions"]] == [
        "applied",
        "applied",
        "pending",
    ]


def test_stamping_back_shows_the_list_asks_and_writes_it_on_y(migrated: Project) -> None:
    with terminal(migrated, "stamp", "0001") as shown:
        before = shown.read_until("[y/N]")
        assert "unmark 0003 index" in before
        assert "unmark 0002 email" in before
        shown.type("y\n")
        code, text = shown.end()
    assert code == 0
    assert text.splitlines()[-1].startswith("2 revisions marked in ")
    assert [one["state"] for one in migrated.run("status", "--json").json["revisions"]] == [
        "applied",
        "pending",
        "pending",
    ]


def test_a_stamp_that_is_refused_writes_nothing(migrated: Project) -> None:
    with terminal(migrated, "stamp", "base") as shown:
        shown.read_until("[y/N]")
        shown.type("n\n")
        code, text = shown.end()
    assert (code, text.splitlines()[-1]) == (2, "Nothing was done.")
    assert migrated.run("status", "--check").code == 0


def test_what_a_stamp_writes_is_what_was_shown_or_nothing(migrated: Project) -> None:
    with terminal(migrated, "stamp", "-1") as shown:
        shown.read_until("[y/N]")
        assert migrated.run("stamp", "-1", "--yes").code == 0  # now -1 would be 0002
        shown.type("y\n")
        code, text = shown.end()
    assert code == 2
    assert "the database moved" in text


def test_stamping_forward_asks_nothing(project: Project) -> None:
    project.write(THREE)
    with terminal(project, "stamp", "head") as shown:
        code, text = shown.end()
    assert code == 0
    assert "[y/N]" not in text


def test_going_up_asks_nothing(project: Project) -> None:
    project.write(THREE)
    with terminal(project, "migrate", "0002") as shown:
        code, text = shown.end()
    assert code == 0
    assert "[y/N]" not in text


# --------------------------------------------------------------------------- tables
@pytest.mark.parametrize("command", ["status", "plan", "history", "plugins"])
def test_tables_on_a_terminal_keep_every_cell_as_it_is(migrated: Project, command: str) -> None:
    migrated.write({"0004_[bold]x.sql": "SELECT 1;"})
    if command == "history":
        assert migrated.run("migrate").code == 0
    with terminal(migrated, command) as shown:
        code, text = shown.end()
    assert code == 0
    assert ("asyncpg-trek" if command == "plugins" else "[bold]x") in text


def test_a_narrow_terminal_folds_titles_and_never_a_day_or_a_state(project: Project) -> None:
    project.write({f"0001_{'long_' * 12}title.sql": USERS, "0002_bad.sql": "SELECT 1 / 0;"})
    assert project.run("migrate").code == 1
    for command in ("status", "history"):
        with terminal(project, command, columns=80) as shown:
            _, text = shown.end()
        assert max(map(len, text.splitlines()[1:])) <= 80
        assert re.search(r"\d{4}-\d\d-\d\d\b", text)
        assert "pending" in text or "rolled back" in text


@pytest.mark.parametrize("columns", [60, 40, 20])
def test_a_terminal_too_narrow_for_a_table_gets_lines_in_which_nothing_is_missing(
    migrated: Project, columns: int
) -> None:
    with terminal(migrated, "history", columns=columns) as shown:
        _, text = shown.end()
    heading = next(line for line in text.splitlines() if "when" in line.lower())
    assert heading.lower().split() == ["when", "verb", "revision", "title", "state", "took", "who", "application"]
    rows = [line.split() for line in text.splitlines() if "users" in line]
    assert rows
    for row in rows:
        assert {"apply", "0001", "users", "done", "trek"} <= {*row}, text


# --------------------------------------------------------------------------- colours
RED = "\x1b[31m"


def test_an_error_stands_out_on_a_terminal_with_a_caret_under_its_place(project: Project) -> None:
    project.write({"0001_bad.sql": "SELECT 1 / 0;\n"})
    with terminal(project, "migrate") as shown:
        code, _ = shown.end()
    assert code == 1
    assert f"{RED}\x1b[1mmigrations/0001_bad.sql:1:1: applying 0001 bad failed: division by zero\x1b[0m" in shown.seen
    assert f"| {RED}\x1b[1m^" in shown.seen


def test_only_what_tells_a_state_has_its_colour_and_not_a_title_or_a_key_of_that_name(project: Project) -> None:
    project.write({"0001_pending.sql": USERS})
    for words, bare, coloured in (("status", "pending ", "\x1b[33mpending"), ("config", "missing ", "")):
        with terminal(project, words) as shown:
            shown.end()
        (row,) = [line for line in shown.seen.splitlines() if re.match(rf" *(0001 +)?{bare}", line)]
        assert [coloured in row, "\x1b[31m" in row] == [True, False]


def test_no_color_takes_the_colours_of_a_terminal_away(project: Project) -> None:
    project.write(THREE)
    project.environ["NO_COLOR"] = "1"
    for words in (["migrate"], ["status"], ["history"], ["migrate", "0009"]):
        with terminal(project, *words) as shown:
            shown.end()
        assert re.findall(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", shown.seen) == []


def test_force_color_gives_them_to_a_pipe_and_cuts_no_column(project: Project) -> None:
    project.write(THREE)
    project.environ["FORCE_COLOR"] = "1"
    assert project.run("migrate").out.startswith("\x1b[32mapplied\x1b[0m 0001 users")
    shown = project.run("status").out
    assert shown.startswith("\x1b[32mcurrent\x1b[0m  (")
    project.environ["FORCE_COLOR"] = ""
    assert ESCAPES.sub("", shown) == project.run("status").out


# --------------------------------------------------------------------------- what is running
async def test_the_display_shows_the_text_of_the_statement_cut_to_the_terminal(
    project: Project, held: Connection
) -> None:
    statement = f"SELECT pg_advisory_lock(42)\n  AS {'x' * 100}"
    project.write({"0001_steps.sql": f"-- trek: no-transaction\nSELECT 1;\n{statement};\nSELECT 2;\n"})
    with terminal(project, "migrate", columns=60) as shown:
        await asyncio.to_thread(shown.read_until, "  SELECT pg_advisory_lock(42) AS xxxxxx")
        await held.execute("SELECT pg_advisory_unlock_all()")
        code, _ = await asyncio.to_thread(shown.end)
    assert code == 0
    assert "x" * 60 not in shown.seen


def test_verbose_has_a_line_for_each_statement_of_a_migration_outside_a_transaction(project: Project) -> None:
    project.write({"0001_steps.sql": "-- trek: no-transaction\nSELECT 1;\nSELECT 2;\n"})
    lines = project.run("migrate", "--verbose").out.splitlines()
    assert [line.partition("  (")[0] for line in lines[:3]] == [
        "  statement 1 of 2",
        "  statement 2 of 2",
        "applied 0001 steps",
    ]


def test_quiet_says_nothing_but_errors(project: Project) -> None:
    project.write(THREE)
    assert project.run("migrate", "--quiet") == Ended(0, "", "")
    assert project.run("stamp", "0001", "--yes", "-q") == Ended(0, "", "")
    assert "0009" in project.run("-q", "migrate", "0009").err
