"""The sentences of the contracts stand on the pages word for word, each with its number, where it belongs."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.docs import plugin_pages
from tests.docs.pages import read
from tests.docs.plugin_pages import PAGE_OF, SUITES, TESTING, contract, contracts_on, numbered
from trek_core.testing import Ground
from trek_core.testing._sentences import sentences

PAGES = sorted(set(PAGE_OF.values()))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_sentences_of_its_contract_word_for_word(page: str) -> None:
    if plugin_pages.writing():
        plugin_pages.write_contracts(page)
    shown = contracts_on(page)
    assert shown == {holder: contract(holder) for holder in shown}, f"{plugin_pages.WRITES}=1 writes them anew"


def test_every_sentence_stands_on_the_page_of_its_kind() -> None:
    places = {holder: page for page in PAGES for holder in contracts_on(page)}
    wanted = {kind.__name__: page for kind, page in PAGE_OF.items()}
    missing = {holder for holder in numbered() if places.get(holder) != wanted[holder.partition(".")[0]]}
    assert missing == set(), "put <!-- contract: NAME --> and <!-- /contract --> below their headings"


def test_no_sentence_is_left_out_and_none_stands_twice() -> None:
    numbers = [number for found in numbered().values() for number in found]
    assert sorted(numbers) == sorted(sentences())
    assert len(numbers) == len(set(numbers))


def test_the_page_on_testing_says_what_is_in_the_kits() -> None:
    if plugin_pages.writing():
        plugin_pages.write_kits()
    assert plugin_pages.kits() == {suite.__name__: plugin_pages.kit(suite) for suite in SUITES}


def test_the_page_on_testing_has_every_method_of_a_ground_in_its_own_words() -> None:
    shown = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", read(TESTING).partition("\n## Grounds\n")[2], re.MULTILINE))
    methods = {name: value for name, value in vars(Ground).items() if name[0] != "_" and inspect.isroutine(value)}
    said = {name: " ".join(inspect.cleandoc(value.__doc__ or "").split()) for name, value in methods.items()}
    assert {name: shown.get(name) for name in said} == said
