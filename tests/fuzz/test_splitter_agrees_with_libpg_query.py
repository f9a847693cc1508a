"""100,000 scripts a run, other ones each time, in portions that the workers of pytest-xdist share.

TREK_FUZZ_SEED repeats a run. By hand, for as many as one likes: python tests/fuzz/fuzz_lexer.py --scripts 1000000
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from fuzz_lexer import fuzz_scripts, fuzz_soup

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz_lexer import Outcome

SCRIPTS, SOUPS, PORTION = 100_000, 50_000, 12_500


def portion(fuzz: Callable[[int, int], Outcome], number: int) -> Outcome:
    """One portion; the message of a failure has the seed."""
    given = os.environ.get("TREK_FUZZ_SEED")
    seed = int(given) + number if given else random.SystemRandom().randrange(10**9)
    outcome = fuzz(PORTION, seed)
    shown = "\n".join(outcome.mismatches[:10])
    again = f"python tests/fuzz/fuzz_lexer.py --scripts {PORTION} --seed {seed}"
    assert not outcome.mismatches, f"{len(outcome.mismatches)} of {PORTION} differ. Again: {again}\n{shown}"
    return outcome


@pytest.mark.parametrize("number", range(SCRIPTS // PORTION))
def test_nasty_scripts_have_as_many_statements_and_at_the_same_offsets_as_postgresql_sees(number: int) -> None:
    outcome = portion(fuzz_scripts, number)
    assert outcome.compared > PORTION * 0.9


@pytest.mark.parametrize("number", range(SOUPS // PORTION))
def test_soups_of_fragments_have_their_semicolons_where_the_scanner_of_postgresql_has_them(number: int) -> None:
    outcome = portion(fuzz_soup, number)
    assert outcome.compared > PORTION * 0.1
    assert outcome.refused > PORTION * 0.25
