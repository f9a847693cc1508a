"""The pictures of the terminal say what the commands say today."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.databases import Server

DOCS = Path(__file__).parents[2] / "docs"
VARIES = (  # what no two runs have the same
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME"),
    (r"\d+ ms|\d+\.\d\d s|\d+ min \d+ s", "TOOK"),
    (r" {2,}|─+", "  "),
    (r"(?m)(?<=TOOK)  \S+$", "  WHO"),
    (r"database \w+,", "database NAME,"),
)


def frames(picture: str) -> list[str]:
    """What each frame of a picture says, line by line."""
    return [_said(shapes) for shapes in re.findall(r'<g class="f\d+"[^>]*>(.*?)</g>', picture, re.DOTALL)]


def _said(shapes: str) -> str:
    rows: dict[float, list[str]] = {}
    for y, text in re.findall(r'<text [^>]*? y="([\d.]+)"[^>]*>([^<]*)<', shapes):
        rows.setdefault(float(y), []).append(html.unescape(text).replace("\xa0", " "))
    said = "\n".join(" ".join(rows[y]) for y in sorted(rows))
    for pattern, word in VARIES:
        said = re.sub(pattern, word, said)
    return said


@pytest.fixture(scope="module")
def drawn(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    own = {
        "TREK_TEST_DSN": server.base,
        "TREK_PICTURE_ROWS": "1000",
        "TREK_PICTURE_DATABASE": f"p{os.getpid() % 1000:03}",
    }
    command = [sys.executable, str(DOCS / "pictures.py"), str(folder)]
    subprocess.run(command, env=os.environ | own, cwd=DOCS.parent, check=True, timeout=300)
    return folder


def test_every_picture_is_one_of_a_run_of_today(drawn: Path) -> None:
    there = {path.name: frames(path.read_text())[-1] for path in (DOCS / "pictures").glob("*.svg")}
    assert {path.name: frames(path.read_text())[-1] for path in drawn.glob("*.svg")} == there


def test_the_error_is_shown_with_its_place_and_the_way_on(drawn: Path) -> None:
    (said,) = frames((drawn / "error.svg").read_text())
    assert "migrations/0005_customers_of_orders.sql:2:26: applying 0005" in said
    assert "^" in said
    assert said.endswith("trek goes on with 0005.")


def test_the_picture_of_a_run_shows_what_was_running() -> None:
    said = frames((DOCS / "pictures" / "migrate.svg").read_text())
    assert len(said) > 10
    assert any("CREATE INDEX CONCURRENTLY orders_by_total ON orders (total, id)" in one for one in said)
    assert re.search(r"4 migrations in TOOK$", said[-1])


def test_a_picture_loads_nothing_from_elsewhere_and_is_small() -> None:
    for path in (DOCS / "pictures").glob("*.svg"):
        picture = path.read_text()
        assert re.findall(r"(?:href|src|url)\W+https?:", picture) == []
        assert len(picture) < 200_000
