"""Links between the pages lead somewhere, and so do the files that they name."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, pages, prose, read
from tests.docs.plugin_pages import EXAMPLES
from tests.docs.sessions import titles

EXAMPLE_PAGES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("examples/*/README.md"))
PAGES = [*pages(), "CONTRIBUTING.md", "CHANGELOG.md", *EXAMPLE_PAGES]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def links(page: str) -> list[str]:
    return [link for link in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]


def external(page: str) -> list[str]:
    """The links that lead out of the repository. They are listed, not followed: a test needs no network."""
    return [link for link in _LINK.findall(prose(page)) if re.match(r"[a-z]+:", link)]


def anchors(page: str) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    words = (heading.replace("`", "").strip().lower() for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", word).replace(" ", "-") for word in words}


def target(page: str, link: str) -> tuple[str, str]:
    """The page or file that a relative link names, below the root, and the heading in it."""
    path, _, heading = link.partition("#")
    found = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
    return str(found.relative_to(ROOT)), heading


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in links(page):
        file, heading = target(page, link)
        assert (ROOT / file).exists(), f"{page}: {link}"
        assert not heading or heading in anchors(file), f"{page}: {link}"


def test_links_out_of_the_repository_are_https() -> None:
    found = sorted({link for page in PAGES for link in external(page)})
    print(*found, sep="\n")  # noqa: T201 - `-rP` shows the list
    assert [link for link in found if not link.startswith("https://")] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[str](), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.endswith(".md"):
            reached.add(page)
            waiting += [target(page, link)[0] for link in links(page)]
    assert set(pages()) - reached == set()


def test_every_module_that_a_page_names_is_there() -> None:
    modules = {
        path.name
        for package in (
            "trek_core",
            "trek_loaders",
            "trek_asyncpg",
            "trek_observers",
            "examples",
            "tests",
            "benchmarks",
        )
        for path in (ROOT / package).rglob("*.py")
    }
    theirs = {path.rpartition("/")[2] for page in pages() for path in titles(page)}
    theirs |= {"conftest.py", "shop_j2.py", "shop_statements.py", *(f"{example.module}.py" for example in EXAMPLES)}
    for page in pages():
        named = set(re.findall(r"(?<![\w*.…])([a-z_]\w*\.py)\b", read(page)))
        assert named - modules - theirs == set(), page


def test_the_pages_that_the_readme_promises_are_there() -> None:
    promised = {"running", "targets", "configuration", "design", "errors", "embedded", "asyncpg-trek", "plugins/README"}
    promised |= {"jinja", "opentelemetry", "plugins/testing", "plugins/publishing", "plugins/compatibility"}
    assert {f"docs/{name}.md" for name in promised} <= {target("README.md", link)[0] for link in links("README.md")}
