"""The questions before going down, and before the history forgets."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from trek_core.cli._exit import Interrupted, NotConfirmed
from trek_core.cli._output import complain, count, plain
from trek_core.cli._signals import SIGNALS
from trek_core.plans import Plan


def going_down(plan: Plan) -> None:
    """Shows what a plan that goes down would do, and asks on a terminal. Raises `NotConfirmed`, `Interrupted`."""
    down = sum(action.verb == "revert" for action in plan.actions)
    _confirm(plan, f"This goes down: {count(down, 'migration')} would be reverted.", "Going down may lose data")


def forgetting(plan: Plan, applied: int) -> None:
    """The same for a stamp after which that many applied revisions do not count as applied."""
    told = f"This goes back: {count(applied, 'revision')} would not count as applied any more."
    _confirm(plan, told, "The next `trek migrate` may run what it finds unmarked once more")


def _confirm(plan: Plan, told: str, risk: str) -> None:
    shown = "\n".join([told, *(f"  {action.verb} {plain(action.name)}" for action in plan.actions)])
    if not sys.stdin.isatty():
        msg = f"{shown}\nNothing was done. {risk}: say --yes if that is what you want."
        raise NotConfirmed(msg)
    complain(shown)
    try:
        with _interruptible():
            answer = click.confirm(f"{risk}. Do it?", err=True)
    except click.Abort:
        complain("")  # the question's line ends here
        msg = "interrupted. Nothing was done."
        raise Interrupted(msg) from None
    if not answer:
        msg = "Nothing was done."
        raise NotConfirmed(msg)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the question: the run's handler would only note them, and the question would go on waiting."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
