"""`trek_core.compare`: what differs between two catalogues, as a value and in words."""

from __future__ import annotations

from trek_core import Difference, compare

USERS = {
    "table public.users": "OWNER TO app",
    "column public.users.id": "bigint NOT NULL",
    "constraint users_pkey on public.users": "PRIMARY KEY (id)",
    "index public.low": "CREATE INDEX low ON public.users USING btree (id)",
    "sequence public.users_id_seq": "AS bigint\nOWNED BY public.users.id\nOWNER TO app",
}


def test_equal_catalogues_have_no_drift_whatever_their_order() -> None:
    drift = compare(USERS, dict(reversed(USERS.items())))
    assert not drift
    assert (len(drift), str(drift)) == (0, "")


def test_each_difference_says_what_became_of_its_object() -> None:
    drift = compare({"type a": "x", "type b": "y", "type c": "z"}, {"type b": "Y", "type c": "z", "type d": "v"})
    assert [(one.object, one.change) for one in drift] == [
        ("type a", "vanished"),
        ("type b", "changed"),
        ("type d", "appeared"),
    ]
    assert drift.differences[1] == Difference("type b", "y", "Y")


def test_what_belongs_to_a_table_is_told_with_it() -> None:
    assert str(compare({}, {**USERS, "type public.mood": "ENUM ('sad')"})) == (
        "  appeared: table public.users\n"
        "    OWNER TO app\n"
        "    with column id, constraint users_pkey, index public.low, sequence public.users_id_seq\n"
        "  appeared: type public.mood\n"
        "    ENUM ('sad')"
    )


def test_a_part_of_a_table_that_stays_is_told_by_itself() -> None:
    less = {name: text for name, text in USERS.items() if not name.startswith("index")}
    assert str(compare(USERS, less)) == (
        "  vanished: index public.low\n    CREATE INDEX low ON public.users USING btree (id)"
    )


def test_a_change_is_shown_as_a_diff_in_words_of_ones_own() -> None:
    words = {"appeared": "stays", "vanished": "is missing", "changed": "is not as it was"}
    body = "\n".join(f"line {number}" for number in range(9))
    drift = compare({"function f()": body}, {"function f()": body.replace("line 4", "line four")})
    assert drift.text(words) == (
        "  is not as it was: function f()\n"
        "      line 2\n      line 3\n    - line 4\n    + line four\n      line 5\n      line 6"
    )


def test_a_long_definition_is_cut() -> None:
    text = str(compare({}, {"function f()": "\n".join(map(str, range(40)))}))
    assert text.splitlines()[-2:] == ["    11", "    … 28 more lines"]
