"""Pages that are one session in a terminal: the files that they show are written, their commands run in one shell, in the
page's order, and what the commands say is compared with what the page shows.

A block with a title (```sql title="migrations/0001_users.sql") is a file. A block `console` is commands behind `$ `, each
with what it says below it; a line `…` there stands for any lines. Times, dates and process numbers are compared as such,
not by value.
`TREK_WRITE_SESSIONS=1 python -m pytest tests/docs/test_sessions.py` writes what was said into the pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.docs.pages import pages, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_MASKS = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?", "DATE"),
    (r"(?!0\.\d+ s)\b\d+(\.\d+)? ?(ms|µs|s|min)\b", "TIME"),  # trek says "40 ms", and not "0.04 s"
    (r"\b(process |pid |pg_\w+_backend\()\d+", "PROCESS"),
    (r"\bTried \d+ times", "TRIED"),
    (r"[─━\-=]{2,}", "--"),
    (r"\s+", " "),
)
END = "@@trek-docs@@"
AGAIN = "python -m pytest tests/docs/test_sessions.py tests/docs/test_tutorial.py"
SESSIONS = ["docs/tutorial.md", *(page for page in pages() if page.startswith("docs/how-to/"))]
"""The pages that are one."""


@dataclass(frozen=True, slots=True)
class File:
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A line behind `$ `, and the lines below it; `place`: where those are in the page."""

    text: str
    said: str
    place: tuple[int, int]


def steps(page: str) -> Iterator[File | Command]:
    """The files and commands of a page, in its order."""
    for block in _BLOCK.finditer(page):
        language, title, text = block.groups()
        if title:
            yield File(title, text)
        elif language == "console":
            yield from _commands(text, block.start(3))


def titles(page: str) -> list[str]:
    """The files that a page of the repository shows."""
    return [step.path for step in steps(read(page)) if isinstance(step, File)]


def _commands(text: str, start: int) -> Iterator[Command]:
    found = list(re.finditer(r"^\$ (.*(?:\\\n.*)*)\n", text, re.MULTILINE))
    assert found, f"a console block without a command: {text}"
    assert found[0].start() == 0, f"a console block begins with a command: {text}"
    for one, after in zip(found, [*found[1:], None], strict=True):
        place = one.end(), after.start() if after else len(text)
        yield Command(one[1], text[slice(*place)], (start + place[0], start + place[1]))


def masked(text: str) -> str:
    for pattern, name in _MASKS:
        text = re.sub(pattern, name, text)
    return text.strip()


def agrees(said: str, shown: str) -> bool:
    """Line by line without what differs from run to run. A line `…` of the page stands for any."""
    lines = [masked(line) for line in shown.splitlines() if line.strip()]
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{masked(line)}\n" for line in said.splitlines() if line.strip())) is not None


class Shell:
    """One bash, in which commands are typed one after the other."""

    def __init__(self, folder: Path, environ: Mapping[str, str], instead: Mapping[str, str]) -> None:
        """instead: what is shown in place of names that differ from run to run."""
        self.folder, self.instead = folder, {str(folder): "/home/you", **instead}
        self.transcript, self._begun = list[str](), time.monotonic()
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=dict(environ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.close()
        self._bash.wait(60)
        self._bash.stdout.close()

    def run(self, command: str) -> str:
        """What it says, stdout and stderr. `$?` is its exit code for the next one."""
        assert self._bash.stdin
        self._bash.stdin.write(
            f"{{ {command}\n}} </dev/null; trek_code=$?; printf '\\n{END}\\n'; ( exit $trek_code )\n"
        )
        self._bash.stdin.flush()
        return "".join(self._until_end()).removesuffix("\n")

    def tell(self, text: str) -> None:
        self.transcript.append(f"[{time.monotonic() - self._begun:6.1f} s] {text}")

    def _until_end(self) -> Iterator[str]:
        assert self._bash.stdout
        for line in self._bash.stdout:
            if line == f"{END}\n":
                return
            yield line
        msg = "the shell ended"
        raise AssertionError(msg)


def perform(page: Path, shell: Shell, *, write: bool = False) -> None:
    """Does what the page says. Raises `AssertionError` where a command says something else; `write` puts that into the page."""
    text = page.read_text(encoding="utf-8")
    changed, wrong = text, list[str]()
    done = list(steps(text))
    said = {step: _do(step, shell) for step in done}
    for step in reversed(done):
        if isinstance(step, Command) and not agrees(told := said[step], step.said):
            wrong.append(f"$ {step.text}\n--- the page shows\n{step.said}--- it said\n{told}")
            changed = f"{changed[: step.place[0]]}{told}{changed[step.place[1] :]}"
    if write:
        page.write_text(changed, encoding="utf-8")
    assert write or not wrong, "\n\n".join([*reversed(wrong), f"If that is right: TREK_WRITE_SESSIONS=1 {AGAIN}"])


def _do(step: File | Command, shell: Shell) -> str:
    if isinstance(step, Command):
        said = shell.run(step.text)
        for name, shown in shell.instead.items():
            said = said.replace(name, shown)
        shell.tell(f"$ {step.text}\n{said}")
        return said
    path = shell.folder / step.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step.text, encoding="utf-8")
    shell.tell(f"({step.path} is written)")
    return ""


def environment(**more: str) -> dict[str, str]:
    """A terminal of 100 columns, without trek's and pytest's variables of the process that runs the tests."""
    ours = ("TREK_", "DATABASE_URL", "PYTEST", "PG", "PYTHON", "VIRTUAL_ENV", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "COLUMNS": "100", "LC_ALL": "C.UTF-8", **more}
