"""Runs the suites in this process, without pytest's collection: what the tables of broken implementations stand on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from trek_core.testing._suite import Suite


def run(suite: type[Suite]) -> dict[str, str]:
    """Each of the kit's tests, in their order -> "passed", "failed: …" or "skipped: reason". A new object a test."""
    return {name: _outcome(suite, name) for name in suite.kit_tests()}


def failing(suite: type[Suite]) -> set[str]:
    """The kit's tests that this implementation fails."""
    return {name for name, outcome in run(suite).items() if outcome.startswith("failed: ")}


def table(rows: Mapping[str, Collection[str]]) -> str:
    """Broken implementation -> the tests that it fails, as a Markdown table: a diagonal, if every kit test bites."""
    tests = list(dict.fromkeys(name for failed in rows.values() for name in sorted(failed)))
    numbers = " | ".join(str(number) for number in range(1, len(tests) + 1))
    lines = [f"| broken implementation | fails | {numbers} |", "|---|---|" + ":-:|" * len(tests)]
    for broken, failed in rows.items():
        cells = " | ".join("✗" if name in failed else " " for name in tests)
        lines.append(f"| {broken} | {', '.join(sorted(failed)) or 'nothing'} | {cells} |")
    return "\n".join(lines) + "\n"


def _outcome(suite: type[Suite], name: str) -> str:
    try:
        getattr(suite(), name)()
    except pytest.skip.Exception as skipped:
        return f"skipped: {skipped}"
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - any failure is an answer
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        return f"failed: {type(error).__name__}: {error}{notes}"
    return "passed"
