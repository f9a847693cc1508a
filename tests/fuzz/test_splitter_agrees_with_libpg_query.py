from __future__ import annotations

from fuzz_lexer import fuzz_scripts, fuzz_soup


def test_2000_nasty_scripts_split_as_the_parser_of_postgresql_splits_them():
    outcome = fuzz_scripts(2_000, seed=20_261_123)
    assert outcome.mismatches == []
    assert outcome.compared > 1_800


def test_2000_soups_of_fragments_have_their_semicolons_where_the_scanner_of_postgresql_has_them():
    outcome = fuzz_soup(2_000, seed=20_261_123)
    assert outcome.mismatches == []
    assert outcome.compared > 200
    assert outcome.refused > 500
