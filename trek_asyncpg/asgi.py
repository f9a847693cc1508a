"""An application for another ASGI application to mount: is the database ready, where does it stand, and migrate it.

    GET  /ready                              200 or 503; anybody may ask, and hears one word
    GET  /status                             where the database stands, revision by revision
    POST /migrate?target=head&down=true      plans and migrates, with its progress as server-sent events

It needs no framework. docs/applications.md shows it in one, and lists what it sends.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import asdict

from trek_asyncpg._http import Message, Send, Told, answer, asked, first_line, log, problem, problem_of, stream
from trek_core import ConfigError, Migrator, Plan, PlanError, TrekError
from trek_core.plugin import Event, Observer, facts_of

__all__ = ["Authorize", "MigrationApp", "bearer"]

Scope = Message
Receive = Callable[[], Awaitable[Message]]
Authorize = Callable[[Scope], bool | Awaitable[bool]]
"""Says of a request's scope whether it may: True, or a coroutine that gives True. Nothing else opens the door."""

NO_DOOR = "authorize is {!r}, want a function of the ASGI scope that says who may migrate: bearer(token) makes one"
NO_TOKEN = "the token is empty, so that everybody could migrate. Is its variable not set?"  # noqa: S105 - a message
NO_DOWN = "the way to {!r} reverts migrations. Nothing was changed. If you mean that, say down=true."


def bearer(token: str) -> Authorize:
    """Lets in whoever sends `Authorization: Bearer TOKEN`. Raises `ConfigError` for an empty token."""
    if not token:
        raise ConfigError(NO_TOKEN)
    right = f"Bearer {token}".encode()
    return lambda scope: any(k == b"authorization" and hmac.compare_digest(v, right) for k, v in scope["headers"])


class MigrationApp:
    """The application. A run that was asked for goes on when its client is gone.

    migrator: on a DSN or a pool, since requests come at once.
    authorize: asked before everything but `/ready`. Raises `ConfigError` where it is no function.
    """

    def __init__(self, migrator: Migrator, *, authorize: Authorize) -> None:
        if not callable(authorize):
            raise ConfigError(NO_DOOR.format(authorize))
        self._migrator, self._authorize = migrator, authorize
        self._runs = set[asyncio.Task[None]]()  # the loop itself holds a task weakly
        self._routes = {
            "/ready": ("GET", self._ready),
            "/status": ("GET", self._status),
            "/migrate": ("POST", self._migrate),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - bodies are not read
        if scope["type"] != "http":  # of a lifespan nothing is wanted, and servers go on without it
            msg = f"{type(self).__name__} speaks HTTP, not {scope['type']}"
            raise NotImplementedError(msg)
        # what stands before it is told in as many ways as there are frameworks
        path = "/" + scope["path"].rpartition("/")[2]
        method, respond = self._routes.get(path, ("", self._ready))
        try:
            if not method:
                await answer(send, 404, problem("NotFound", 404, f"there is {', '.join(self._routes)}"))
            elif scope["method"] != method:
                await answer(send, 405, problem("MethodNotAllowed", 405, f"{path} wants {method}"), allow=method)
            elif path != "/ready" and not await self._may(scope):
                refused = problem("Unauthorized", 401, f"{path} wants credentials")
                await answer(send, 401, refused, **{"www-authenticate": "Bearer"})
            else:
                await respond(scope, send)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - told
            told = problem_of(error)
            await answer(send, told["status"], told)

    async def _may(self, scope: Scope) -> bool:
        said = self._authorize(scope)
        return (await said if inspect.isawaitable(said) else said) is True

    async def _ready(self, _scope: Scope, send: Send) -> None:
        try:
            status = await self._migrator.status()
            await answer(send, 200 if status.ready else 503, {"ready": status.ready, "state": status.state})
        except TrekError as error:
            log.warning("not ready: %s", first_line(error))  # why is for the log: anybody may ask
            await answer(send, 503, {"ready": False, "state": "unknown"})

    async def _status(self, _scope: Scope, send: Send) -> None:
        status = await self._migrator.status()
        revisions = [{"revision": r.revision, "title": r.title, "state": r.state} for r in status.revisions]
        about = {"state": status.state, "database": status.database, "history": status.history}
        await answer(send, 200, {**about, "revisions": revisions})

    async def _migrate(self, scope: Scope, send: Send) -> None:
        target, down = asked(scope)
        told = Told()
        migrator = self._heard_by(told)
        plan = await migrator.plan(target)
        if plan.goes_down and not down:
            raise PlanError(NO_DOWN.format(target))
        log.info("asked to go to %r: %d to run", target, len(plan.actions), extra={"trek_client": scope.get("client")})
        run = asyncio.create_task(_run(migrator, plan, told))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        try:
            await stream(send, told)
        except OSError:  # the client is gone; a server that stops waits for the request, and so for the run
            await asyncio.wait([run])

    def _heard_by(self, told: Told) -> Migrator:
        async def hear(event: Event) -> None:
            if facts := facts_of(event):
                told.put_nowait((facts.pop("event"), facts))

        heard = copy(self._migrator)
        heard.observers = (*heard.observers, Observer("trek_asyncpg.asgi", hear))
        return heard


async def _run(migrator: Migrator, plan: Plan, told: Told) -> None:
    """The stream begins with "plan"; its last word is "report" or "problem"."""
    actions = [{"verb": a.verb, "revision": a.revision, "title": a.entry.title, "mode": a.mode} for a in plan.actions]
    told.put_nowait(("plan", {"target": plan.target, "actions": actions, "warnings": plan.warnings}))
    last = "problem", problem("Cancelled", 503, "the server stops. /status shows where the database stands.")
    try:
        last = "report", asdict(await migrator.apply(plan))
    except Exception as error:  # noqa: BLE001 - told
        last = "problem", problem_of(error)
    finally:
        told.put_nowait(last)
        told.put_nowait(None)
