"""The site builds without a warning and without a network, holds every page, and takes nothing from other hosts."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from website.__main__ import HERE, build, build_only
from website.nav import filled, unlisted
from website.reference import DOORS, names_of
from website.stage import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# what a browser fetches by itself; a link that somebody may follow is no matter
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^"' >]+"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^"' >]+|url\(["']?(?:https?:)?//[^"')]+"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with --strict: a warning would end it with an error."""
    return build(tmp_path_factory.mktemp("website"))


def test_every_page_is_built_and_stands_in_the_navigation(site: Path) -> None:
    assert unlisted(filled((HERE / "mkdocs.yml").read_text())) == []
    for page in ROOT.glob("docs/**/*.md"):
        name = str(page.relative_to(ROOT / "docs").with_suffix(".html"))
        assert (site / name).exists() or (site / name.replace("README", "index")).exists(), name


def test_a_browser_fetches_nothing_from_other_hosts(site: Path) -> None:
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        found = [one for one in _FETCHED.findall(path.read_text(encoding="utf-8")) if 'rel="canonical"' not in one]
        assert found == [], path.name


def test_an_option_is_not_broken_behind_its_dashes(site: Path) -> None:
    page = (site / "commands.html").read_text(encoding="utf-8")
    assert "<code><span>trek</span> <span>plan</span> <span>--sql</span></code>" in page
    assert "code > span {\n    white-space: nowrap;" in (site / "extra.css").read_text(encoding="utf-8")


def test_every_public_name_stands_in_the_reference_with_what_it_is(site: Path) -> None:
    for door in DOORS:
        page = (site / "reference" / f"{door}.html").read_text(encoding="utf-8")
        headings = set(re.findall(r'class="doc doc-object-name[^"]*">([\w.]+)<', page))
        assert {*names_of(door)} - headings == set(), door


@pytest.mark.parametrize("link", ["nowhere.md", "targets.md#no-such-heading"])
def test_a_link_that_leads_nowhere_breaks_the_build(link: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copyfile(ROOT / "docs/targets.md", tmp_path / "docs/targets.md")
    (tmp_path / "docs/index.md").write_text(f"# Home\n\n[here]({link})\n")
    (tmp_path / "mkdocs.yml").write_text(
        re.sub(
            r"^nav:.*?(?=^validation)", "", filled((HERE / "mkdocs.yml").read_text()), flags=re.MULTILINE | re.DOTALL
        )
    )
    with pytest.raises(subprocess.CalledProcessError):
        build_only(tmp_path)
