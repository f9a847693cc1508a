"""Who holds the migration lock, in the words of the command."""

from __future__ import annotations

import pytest

from trek_core.cli._progress import holder
from trek_core.events import LockWaiting


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (LockWaiting(1.0), "another session"),
        (LockWaiting(1.0, pid=7, user="ann", application="psql"), "server process 7 of ann, psql"),
        (LockWaiting(1.0, holder="process 4242"), "process 4242 (so its row says)"),
    ],
)
def test_a_holder_is_told_so_that_it_holds_it_can_follow(event: LockWaiting, told: str) -> None:
    assert holder(event) == told
