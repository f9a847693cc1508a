"""The question before going down."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from trek_core.cli._exit import Interrupted, NotConfirmed
from trek_core.cli._output import complain, count, plain
from trek_core.plans import Plan


def confirm(plan: Plan) -> None:
    """Shows what a plan that goes down would do, and asks on a terminal. Raises `NotConfirmed`, `Interrupted`."""
    down = [action for action in plan.actions if action.verb == "revert"]
    lines = [f"  {action.verb} {plain(action.name)}" for action in plan.actions]
    shown = "\n".join([f"This goes down: {count(len(down), 'migration')} would be reverted.", *lines])
    if not sys.stdin.isatty():
        msg = f"{shown}\nNothing was done. Going down may lose data: say --yes if that is what you want."
        raise NotConfirmed(msg)
    complain(shown)
    try:
        with _interruptible():
            answer = click.confirm("Going down may lose data. Do it?", err=True)
    except click.Abort:
        complain("")  # the question's line ends here
        msg = "interrupted. Nothing was done."
        raise Interrupted(msg) from None
    if not answer:
        msg = "Nothing was done."
        raise NotConfirmed(msg)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the question: asyncio's own handler would only note it, and the question would go on waiting."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
