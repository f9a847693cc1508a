"""The collector of cycles is paused while a plan is made, and what stays is not looked at again and again."""

from __future__ import annotations

import gc

from trek_core._pause import settle, uncollected


def is_old(value: object) -> bool:
    return any(one is value for one in gc.get_objects(generation=2))


def test_what_was_made_for_many_actions_is_old_at_once() -> None:
    with uncollected():
        made: list[object] = [[]]
        settle(99)
        assert not is_old(made)
        settle(100)
        assert is_old(made)
    assert gc.get_freeze_count() == 0


def test_what_the_program_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        settle(100)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_who_had_switched_it_off_finds_it_so() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
