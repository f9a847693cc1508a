"""A statement with places for values: filled, and as it is prepared."""

from __future__ import annotations

import pytest

from trek_core.plugin import Form, quote_literal

INSERT = Form(("INSERT INTO t VALUES (", ", ", ", '$1')"))


def test_a_form_is_filled_with_literals_in_their_order() -> None:
    filled = INSERT.filled(("5", quote_literal("it's $2")))
    assert filled.text == "INSERT INTO t VALUES (5, 'it''s $2', '$1')"
    assert (filled.form, filled.literals) == (INSERT, ("5", "'it''s $2'"))


def test_what_is_prepared_has_a_number_in_each_place() -> None:
    assert INSERT.prepared == "INSERT INTO t VALUES ($1, $2, '$1')"


def test_a_form_may_have_no_place() -> None:
    alone = Form(("SELECT 1",))
    assert (alone.filled(()).text, alone.prepared) == ("SELECT 1", "SELECT 1")


@pytest.mark.parametrize("literals", [(), ("1",), ("1", "2", "3")])
def test_too_few_or_too_many_values_are_refused(literals: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{len(literals)} values were given for 2 places of: INSERT"):
        INSERT.filled(literals)
