from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.death.ground import Ground, ground, new_server
from tests.death.scenario import stages
from trek_asyncpg.testing import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.death.ground import Start


@pytest.fixture(scope="session")
async def place() -> AsyncIterator[Ground]:
    """A server for deaths, of the newest version that is asked for: the protocol is the same in all of them."""
    with new_server() as server:
        async with ground(Server("own", server.dsn())) as made:
            yield made


@pytest.fixture(scope="session")
async def starts(place: Ground, tmp_path_factory: pytest.TempPathFactory) -> tuple[Start, ...]:
    """The three stages of the run, each once without a fault."""
    return await place.undisturbed(stages(tmp_path_factory.mktemp("stages")))
