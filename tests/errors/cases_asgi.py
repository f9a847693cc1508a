"""What the ASGI application refuses: to be made without a door, and requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, Stage
from trek_asyncpg import AsyncpgBackend
from trek_asyncpg._http import BadRequest
from trek_asyncpg.asgi import MigrationApp, bearer
from trek_core import ConfigError, Migrator, PlanError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BOTH_WAYS = {"0001_users.sql": "CREATE TABLE users (id int);\n-- trek: down\nDROP TABLE users;\n"}
ANSWERS: dict[str, type[PlanError | BadRequest]] = {"PlanError": PlanError, "BadRequest": BadRequest}


def application(stage: Stage, authorize: Any) -> MigrationApp:
    return MigrationApp(Migrator(AsyncpgBackend(stage.database.dsn)), authorize=authorize)


async def without_a_door(stage: Stage) -> object:
    return application(stage, None)


async def without_a_token(stage: Stage) -> object:
    return application(stage, bearer(""))


async def applied(stage: Stage) -> None:
    await stage.migrate()


def post(query: str) -> Callable[[Stage], Awaitable[object]]:
    """Raises the problem that is answered, as an error."""

    async def act(stage: Stage) -> object:
        transport = httpx.ASGITransport(application(stage, lambda scope: True))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            problem = (await client.post(f"/migrate?{query}")).json()
        raise ANSWERS[problem["title"]](problem["detail"])

    return act


CASES = (
    Case("asgi-no-door", ConfigError, ("authorize is None", "bearer(token)"), act=without_a_door),
    Case("asgi-empty-token", ConfigError, ("token is empty", "variable"), act=without_a_token),
    Case("asgi-query", BadRequest, ("target=REVISION", "once"), USERS, act=post("taget=0001")),
    Case("asgi-down", PlanError, ("'base'", "down=true", "Nothing was"), BOTH_WAYS, applied, post("target=base")),
)
