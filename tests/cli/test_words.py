"""The command line that click gets: targets with a dash, and `--embedded` with and without a folder."""

from __future__ import annotations

import pytest

from trek_core.cli._words import understood


@pytest.mark.parametrize(
    ("typed", "want"),
    [
        ("migrate -1", "migrate -- -1"),
        ("migrate -12 --yes", "migrate --yes -- -12"),
        ("migrate --yes -1", "migrate --yes -- -1"),
        ("migrate +1", "migrate +1"),
        ("migrate -- -1", "migrate -- -1"),
        ("migrate --lock-wait -1", "migrate --lock-wait -1"),
        ("migrate --dir -1 -1", "migrate --dir -1 -- -1"),
        ("migrate -x1", "migrate -x1"),
        ("migrate --embedded", "migrate --embedded=.trek/postgres"),
        ("--embedded migrate", "--embedded=.trek/postgres migrate"),
        ("migrate --embedded head", "migrate --embedded=.trek/postgres head"),
        ("migrate --embedded 0003", "migrate --embedded=.trek/postgres 0003"),
        ("migrate --embedded -1", "migrate --embedded=.trek/postgres -- -1"),
        ("migrate --embedded --json", "migrate --embedded=.trek/postgres --json"),
        ("migrate --embedded ./pg head", "migrate --embedded=./pg head"),
        ("migrate --embedded /var/pg", "migrate --embedded=/var/pg"),
        ("migrate --embedded . -1", "migrate --embedded=. -- -1"),
        ("migrate --embedded=pg head", "migrate --embedded=pg head"),
        ("new -- --embedded", "new -- --embedded"),
    ],
)
def test_a_step_back_is_a_target_and_only_a_path_is_a_folder(typed: str, want: str) -> None:
    assert understood(typed.split()) == want.split()
