"""Pictures of the terminal, from real runs: `python docs/pictures.py [FOLDER]` writes docs/pictures/*.svg anew.

Each command runs in a pseudo-terminal on a database of its own; what stands on its screen is drawn by rich. A test
runs this, and compares what the pictures say with a run of today.
"""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import asyncpg
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from trek_asyncpg.testing import server

HERE = Path(__file__).parent
TREK = Path(sys.executable).with_name("trek")
COLUMNS, TICK, HOLD = 88, 0.25, 4.0  # seconds between two frames, and for the last one
NAMES = {"brown": "yellow", "brightbrown": "brightyellow"}  # pyte's, and rich's

FILES = {
    "0001_customers.sql": """\
CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL);
-- trek: down
DROP TABLE customers;
""",
    "0002_orders.sql": """\
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, total numeric NOT NULL);
-- trek: down
DROP TABLE orders;
""",
    "0003_orders_of_the_old_shop.sql": """\
INSERT INTO orders SELECT n, n % 5000, n % 97 FROM generate_series(1, {rows}) AS n;
-- trek: down
TRUNCATE orders;
""",
    "0004_orders_by_customer.sql": """\
CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer_id, total);
CREATE INDEX CONCURRENTLY orders_by_total ON orders (total, id);
-- trek: down
DROP INDEX CONCURRENTLY orders_by_customer;
DROP INDEX CONCURRENTLY orders_by_total;
""",
}
WRONG = """\
-- Orders without a customer go before the key comes.
DELETE FROM orders WHERE custmer_id NOT IN (SELECT id FROM customers);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;
"""
DARK = "282c38 ff6b6b 7ed385 f0c674 61afef c692e9 56c2d2 d6dae4"
BRIGHT = "808899 ff8c8c 9ee2a3 fad894 86c4f5 d8aef3 7ed6e2 ffffff"


def _colours(words: str) -> list[tuple[int, int, int]]:
    return [(one >> 16, one >> 8 & 255, one & 255) for one in (int(word, 16) for word in words.split())]


THEME = TerminalTheme((24, 26, 33), (214, 218, 228), _colours(DARK), _colours(BRIGHT))

BRANCHES = {
    "0006_reviews.sql": "-- trek: requires 0004\nCREATE TABLE reviews (order_id int, stars int);\n",
    "0007_best_customers.sql": "-- trek: requires 0005 0006\nALTER TABLE customers ADD stars numeric;\n",
}


# --------------------------------------------------------------------------- running
@dataclass(frozen=True)
class Frame:
    """What stood on the screen, and for how many seconds."""

    lines: tuple[Text, ...]
    seconds: float


def record(words: str, folder: Path, dsn: str) -> list[Frame]:
    """The frames of a command; the last one is what it left on the screen."""
    screen = pyte.Screen(COLUMNS, 40)
    stream = pyte.ByteStream(screen)
    stream.feed(f"\x1b[1;32m$\x1b[0m {words}\r\n".encode())
    frames, begun = [(time.monotonic(), _lines(screen))], time.monotonic()
    for chunk in _output(words, folder, dsn):
        stream.feed(chunk)
        if time.monotonic() - begun >= TICK:
            begun = time.monotonic()
            frames.append((begun, _lines(screen)))
    frames.append((time.monotonic(), _lines(screen)))
    ends = [*(at for at, _ in frames[1:]), frames[-1][0] + HOLD]
    return [Frame(lines, end - at) for (at, lines), end in zip(frames, ends, strict=True)]


def _output(words: str, folder: Path, dsn: str) -> Iterator[bytes]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    unset = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "DATABASE_URL")
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    environ |= {"TREK_DSN": dsn, "TERM": "xterm-256color", "COLORTERM": "", "LC_ALL": "C.UTF-8"}
    command = [str(TREK), *words.split()[1:]]
    with subprocess.Popen(command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        while True:
            select.select([ours], [], [])
            try:
                yield os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
    os.close(ours)


def _lines(screen: pyte.Screen) -> tuple[Text, ...]:
    lines = [_line(screen, row) for row in range(screen.lines)]
    while lines and not lines[-1].plain:
        lines.pop()
    return tuple(lines)


def _line(screen: pyte.Screen, row: int) -> Text:
    line = Text(no_wrap=True)
    for style, cells in groupby((screen.buffer[row][column] for column in range(screen.columns)), _style):
        line.append("".join(cell.data for cell in cells), style)
    line.rstrip()
    return line


def _style(cell: pyte.screens.Char) -> Style:
    name = NAMES.get(cell.fg, cell.fg).replace("bright", "bright_")
    colour = f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else name
    return Style(color=None if colour == "default" else colour, bold=cell.bold)


# --------------------------------------------------------------------------- drawing
PAD, BAR = 22, 40
PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}">
<title>{title}</title>
<style>
text {{ font: 20px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }}
{styles}
</style>
<rect width="{width:.0f}" height="{height:.0f}" rx="12" fill="#181a21"/>
<g transform="translate({pad}, 22)">
<circle r="6" fill="#ff6b6b"/><circle cx="20" r="6" fill="#f0c674"/><circle cx="40" r="6" fill="#7ed385"/>
</g>
{frames}
</svg>
"""


def draw(frames: list[Frame], title: str) -> str:
    """An SVG: the only frame, or all of them one after the other, for ever."""
    rows = max(len(frame.lines) for frame in frames)
    total, at = sum(frame.seconds for frame in frames), 0.0
    styles, groups = [], []
    for number, frame in enumerate(frames):
        name = f"f{number}"
        style, shapes, width = _drawn(frame, rows, name)
        styles.append(style)
        if len(frames) > 1:
            begin, at = 100 * at / total, at + frame.seconds
            steps = f"0% {{opacity: 0}} {begin:.2f}% {{opacity: 1}} {100 * at / total:.2f}% {{opacity: 0}}"
            shown = "" if frame is frames[-1] else "opacity: 0; "
            styles.append(f"@keyframes {name} {{ {steps} }}")
            styles.append(f".{name} {{ {shown}animation: {name} {total:.1f}s step-end infinite; }}")
        groups.append(f'<g class="{name}" transform="translate({PAD}, {BAR})">{shapes}</g>')
    size = {"width": width + 2 * PAD, "height": rows * 24.4 + BAR + PAD, "pad": PAD + 6}
    return PICTURE.format(title=title, styles="\n".join(styles), frames="\n".join(groups), **size)


def _drawn(frame: Frame, rows: int, name: str) -> tuple[str, str, float]:
    """Of one frame: its styles, its shapes, and the width."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for row in range(rows):
        console.print(frame.lines[row] if row < len(frame.lines) else "", no_wrap=True, crop=False)
    parts = "{styles}\0{backgrounds}{matrix}\0{terminal_width}"
    styles, shapes, width = console.export_svg(theme=THEME, code_format=parts, unique_id=name).split("\0")
    shapes = re.sub(r'<text [^>]*>\s</text>| clip-path="[^"]*"|\n', "", shapes)
    return styles, shapes, float(width)


# --------------------------------------------------------------------------- what is shown
def pictures(folder: Path, dsn: str, rows: int) -> dict[str, str]:
    """The pictures by name."""
    project = folder / "shop"
    migrations = project / "migrations"
    migrations.mkdir(parents=True)
    for name, content in FILES.items():
        (migrations / name).write_text(content.replace("{rows}", str(rows)))
    drawn = {"migrate": draw(record("trek migrate", project, dsn), "trek migrate, with its progress")}
    (migrations / "0005_customers_of_orders.sql").write_text(WRONG)
    for name, words in {"error": "trek migrate", "status": "trek status"}.items():
        drawn[name] = draw(record(words, project, dsn)[-1:], f"{words}: {name}")
    for name, content in BRANCHES.items():
        (migrations / name).write_text(content)
    drawn["graph"] = draw(record("trek graph --status", project, dsn)[-1:], "trek graph --status")
    return drawn


async def _database(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


def main(folder: Path) -> None:
    """Writes all of them."""
    folder.mkdir(exist_ok=True)
    found = server()
    name = os.environ.get("TREK_PICTURE_DATABASE", "shop")
    asyncio.run(_database(found.base, f"CREATE DATABASE {name}"))
    try:
        with tempfile.TemporaryDirectory() as work:
            drawn = pictures(Path(work), found.dsn(name), int(os.environ.get("TREK_PICTURE_ROWS", "400000")))
    finally:
        asyncio.run(_database(found.base, f"DROP DATABASE {name}"))
    for called, picture in drawn.items():
        (folder / f"{called}.svg").write_text(picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "pictures")
