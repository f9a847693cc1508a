"""The spans of one run. Imported with the first event: OpenTelemetry is an extra."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from trek_core.plugin import (
    Done,
    Failed,
    Failure,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from trek_core.plugin import Action, Event

SYSTEM = {"db.system.name": "postgresql"}
_nested: ContextVar[bool] = ContextVar("trek_run_is_current", default=False)


class Run:
    """The span of a run and what is open below it. `outer` is what was told of before it in this task.

    The spans are current while they are open, so that those of a driver or of a Python migration are their children.
    Of two observers that tell of one run only the first does that: they hear the end in the order of the beginning,
    and to put back the context in that order would leave a span current that has ended.
    """

    def __init__(
        self,
        provider: TracerProvider | None,
        attributes: Mapping[str, AttributeValue],
        event: RunStarted,
        outer: Run | None,
    ) -> None:
        self.outer, plan = outer, event.plan
        self._attributes = {**attributes, **SYSTEM}
        if plan.history.facts.database:
            self._attributes["db.namespace"] = plan.history.facts.database
        self._tracer = trace.get_tracer("trek", tracer_provider=provider)
        self._is_current = False
        self._tokens: list[Token[Context]] = []
        self._migration: Span | None = None
        about: dict[str, AttributeValue] = {"trek.target": plan.target, "trek.planned": len(plan.actions)}
        before = trace.get_current_span().get_span_context()
        self._span = self._open("trek run", SpanKind.INTERNAL, about)
        if not _nested.get() and self._span.get_span_context() != before:  # without an SDK no span is made
            self._is_current = True
            _nested.set(True)
            self._attach(self._span)

    # ----------------------------------------------------------------------- migrations
    def begin(self, action: Action) -> None:
        """A migration's span; its parent is the run's. One that is open belongs to a transaction that goes on."""
        self._close_migration("sent")
        about = {"trek.revision": action.revision, "trek.title": action.entry.title, "trek.verb": action.verb}
        parent = trace.set_span_in_context(self._span)
        self._migration = self._open(
            f"trek {action.verb}", SpanKind.CLIENT, {**about, "trek.mode": action.mode}, parent
        )
        self._attach(self._migration)

    def statement(self, event: StatementDone) -> None:
        """A span that is over already: its beginning follows from the seconds."""
        end = time.time_ns()
        about = {**self._attributes, "trek.statement.number": event.number, "trek.statement.total": event.total}
        about["trek.revision"] = event.action.revision
        span = self._tracer.start_span(
            "trek statement",
            trace.set_span_in_context(self._migration or self._span),
            SpanKind.CLIENT,
            about,
            start_time=end - int(event.seconds * 1e9),
        )
        span.end(end)

    def done(self, together: int) -> None:
        """together: so many came in one query, and are told of after it: the first one's span lasts as long as all of them."""
        if self._migration is not None and together > 1:
            self._migration.set_attribute("trek.together", together)
        self._close_migration("done")

    def failed(self, failure: Failure) -> None:
        kind = type(failure.cause).__qualname__
        if self._migration is not None and failure.sqlstate:
            self._migration.set_attribute("db.response.status_code", failure.sqlstate)
        self._close_migration(failure.outcome, failure.message, kind, failure.sqlstate or kind)

    def lost(self) -> None:
        """Another runner was faster, which is no error."""
        self._close_migration("lost")

    def _close_migration(self, outcome: str, problem: str = "", kind: str = "", code: str = "") -> None:
        if self._migration is not None:
            self._close(self._migration, outcome, problem, kind, code)
        self._migration = None

    # ----------------------------------------------------------------------- the run
    def waiting(self, event: LockWaiting) -> None:
        """An event of the run's span, each time that the run says so."""
        about: dict[str, AttributeValue] = {"trek.lock.waited": event.waited}
        if event.pid is not None:
            about |= {"trek.lock.holder.pid": event.pid, "trek.lock.holder.application": event.application}
        if event.holder:
            about["trek.lock.holder"] = event.holder
        self._span.add_event("trek lock waiting", about)

    def end(self) -> None:
        self._close(self._span, "done")
        self._leave()

    def end_with(self, error: BaseException) -> None:
        """Ends what is open. No text of an error that quotes SQL: a failed migration's is the database's own words."""
        outcome = "cancelled" if isinstance(error, asyncio.CancelledError | KeyboardInterrupt) else "failed"
        failure = getattr(error, "failure", None)
        problem = failure.message if isinstance(failure, Failure) else str(error).partition("\n")[0] or outcome
        kind = type(error).__qualname__
        self._close_migration(outcome, problem, kind, kind)
        self._close(self._span, outcome, problem, kind, kind)
        self._leave()

    def _leave(self) -> None:
        if self._is_current:
            _nested.set(False)

    # ----------------------------------------------------------------------- spans
    def _open(
        self, name: str, kind: SpanKind, about: Mapping[str, AttributeValue], parent: Context | None = None
    ) -> Span:
        return self._tracer.start_span(name, parent, kind, {**self._attributes, **about})

    def _attach(self, span: Span) -> None:
        if self._is_current:
            self._tokens.append(context.attach(trace.set_span_in_context(span)))

    def _close(self, span: Span, outcome: str, problem: str = "", kind: str = "", code: str = "") -> None:
        """`kind` is the type of an error, which makes the span one that failed."""
        span.set_attribute("trek.outcome", outcome)
        if kind:
            span.set_attribute("error.type", code)
            span.add_event("exception", {"exception.type": kind, "exception.message": problem})
            span.set_status(Status(StatusCode.ERROR, problem))
        span.end()
        if self._tokens:
            context.detach(self._tokens.pop())


# --------------------------------------------------------------------------- events
def hear(
    event: Event, run: Run | None, provider: TracerProvider | None, attributes: Mapping[str, AttributeValue]
) -> Run | None:
    """Tells of an event; gives the run that the next event is of, if there is one."""
    if isinstance(event, RunStarted):
        return Run(provider, attributes, event, run)
    if run is None:
        return None
    _tell(run, event)
    return run.outer if isinstance(event, RunFinished | RunFailed) else run


def _tell(run: Run, event: Event) -> None:
    match event:
        case Started(action):
            run.begin(action)
        case StatementDone():
            run.statement(event)
        case Done():
            run.done(event.together)
        case Failed(_, failure):
            run.failed(failure)
        case Lost():
            run.lost()
        case LockWaiting():
            run.waiting(event)
        case RunFinished():
            run.end()
        case RunFailed(error):
            run.end_with(error)
