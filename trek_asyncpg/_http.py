"""What `trek_asyncpg.asgi` is asked and answers: a query, JSON, problems, and a stream of events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from trek_core import ConnectError, LockTimeout, PlanError, TrekError, UnknownRevision

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Told = asyncio.Queue[tuple[str, Mapping[str, Any]] | None]
"""Events of a stream, by name; None ends it."""

log = logging.getLogger("trek.asgi")
QUIET = 15.0  # seconds after which a comment is sent, so that no proxy takes a long statement for a dead connection


NOT_UNDERSTOOD = "the query is not understood: it may have target=REVISION and down=true, each once"


class BadRequest(TrekError):
    """The query string of a request is not understood."""


STATUS: dict[type[Exception], int] = {
    BadRequest: 400,
    UnknownRevision: 404,
    PlanError: 409,
    ConnectError: 503,
    LockTimeout: 503,
}
"""The first that fits; anything else is a 500."""


def asked(scope: Message) -> tuple[str, bool]:
    """The target, and whether the way may go down. A word that is not known must not migrate to the head."""
    pairs = parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    said = {"target": "head", "down": "", **dict(pairs)}
    if len(said) > 2 or len(dict(pairs)) < len(pairs) or not said["target"] or said["down"] not in ("", "true"):  # noqa: PLR2004
        raise BadRequest(NOT_UNDERSTOOD)
    return said["target"], bool(said["down"])


# --------------------------------------------------------------------------- answers
async def answer(send: Send, status: int, body: Mapping[str, Any], **headers: str) -> None:
    """A JSON document, whole."""
    kind = "application/problem+json" if "detail" in body else "application/json"
    await _begin(send, status, kind, headers)
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def stream(send: Send, told: Told) -> None:
    """Server-sent events, until None is told. What `send` raises, an `OSError` if the client is gone, is raised."""
    await _begin(send, 200, "text/event-stream", {"x-accel-buffering": "no"})  # nginx would keep them together
    while (text := await _next(told)) is not None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _next(told: Told) -> str | None:
    try:
        async with asyncio.timeout(QUIET):
            said = await told.get()
    except TimeoutError:
        return ": still running\n\n"
    return f"event: {said[0]}\ndata: {json.dumps(said[1])}\n\n" if said else None


async def _begin(send: Send, status: int, kind: str, headers: Mapping[str, str]) -> None:
    all_of_them = {"content-type": kind, "cache-control": "no-store", **headers}
    pairs = [(name.encode(), value.encode()) for name, value in all_of_them.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


# --------------------------------------------------------------------------- problems, as RFC 9457 has them
def problem(title: str, status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def problem_of(error: Exception) -> dict[str, Any]:
    """The message of an error of trek, which holds no password; of any other only that it was, and the log has it."""
    if not isinstance(error, TrekError):
        log.error("%s", type(error).__name__, exc_info=error)
        return problem("InternalServerError", 500, "an error that trek does not know: the server's log has it")
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    log.log(logging.ERROR if status >= 500 else logging.INFO, "%s", first_line(error))  # noqa: PLR2004 - the server's fault
    return problem(type(error).__name__, status, str(error))


def first_line(error: Exception) -> str:
    """What follows it may quote rows."""
    return str(error).partition("\n")[0]
