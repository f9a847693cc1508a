"""A server in Docker, through testcontainers."""

from __future__ import annotations

import gc
import os
import warnings
from contextlib import ExitStack
from typing import Any

IMAGE = "postgres:18-alpine"
FAST = "postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class Unavailable(Exception):
    """Why Docker gives no server."""


def start(stack: ExitStack) -> tuple[str, str]:
    """What it is, and its superuser's DSN; `TREK_TEST_IMAGE` names another image. Raises `Unavailable`."""
    if problem := _problem():
        raise Unavailable(problem)
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - an extra of trek

    image = os.environ.get("TREK_TEST_IMAGE") or IMAGE
    try:
        container = _container_class()(image, driver=None).with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        container.with_command(FAST)
        container.start()
    except Exception as error:
        ryuk = "" if testcontainers_config.ryuk_disabled else " (TESTCONTAINERS_RYUK_DISABLED=true may help)"
        msg = f"{image} did not start: {type(error).__name__}: {error}{ryuk}"
        raise Unavailable(msg) from error
    stack.callback(container.stop)
    return f"docker {image}", container.get_connection_url(driver=None)


def _container_class() -> Any:
    try:
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415
    except ImportError:  # before 4.14
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415
    return PostgresContainer


def _problem() -> str | None:
    """Why Docker cannot be used; None: it answers. Milliseconds, unless a daemon hangs: then three seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = _ping()
        gc.collect()  # a failed attempt leaves a socket behind, whose warning would fail a later test
    return problem


def _ping() -> str | None:
    try:
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - an extra of trek
    except ImportError as error:
        return f"testcontainers is not installed ({error}): pip install 'trek-migrate[testing]'"
    try:
        client = DockerClient(timeout=3).client
        try:
            return None if client.ping() else "the Docker daemon does not answer a ping"
        finally:
            client.close()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with Docker, the next one is tried
        return f"no Docker daemon answers: {error}"
