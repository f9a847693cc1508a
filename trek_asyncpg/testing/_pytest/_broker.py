"""One server for all workers of pytest-xdist: it is the controller's, who outlives them, and starts when one asks."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

from trek_asyncpg.testing._chain import asked
from trek_asyncpg.testing._server import NoServer, Server

Address = tuple[str, str]
"""Where the controller listens, and the key in hexadecimal."""


class Broker:
    """The controller's side."""

    def __init__(self) -> None:
        self._found: tuple[str, ...] = ()
        self._stack, self._key = ExitStack(), secrets.token_bytes(16)
        self._listener = Listener(backlog=128, authkey=self._key)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="trek", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Address:
        """What a worker has to know."""
        return str(self._listener.address), self._key.hex()

    def close(self) -> None:
        """Ends the server."""
        self._closing = True
        with suppress(OSError, EOFError, AuthenticationError):
            # accept() is not ended by closing what it waits on
            Client(self._listener.address, authkey=self._key).close()
        self._thread.join()
        self._listener.close()
        self._stack.close()

    def _serve(self) -> None:
        while not self._closing:
            # a worker may be killed while it asks
            with suppress(OSError, EOFError, AuthenticationError), self._listener.accept() as worker:
                self._answer(worker)

    def _answer(self, worker: Connection) -> None:
        if not self._closing:
            self._found = self._found or self._find()
            worker.send(self._found)

    def _find(self) -> tuple[str, ...]:
        try:
            found = asked(self._stack)
        except NoServer as error:
            return (str(error),)
        return found.provider, found.base


def ask(address: Address) -> Server:
    """The worker's side. Raises `NoServer`."""
    where, key = address
    with Client(where, authkey=bytes.fromhex(key)) as controller:
        answer: tuple[str, ...] = controller.recv()
    if len(answer) == 1:
        raise NoServer(*answer)
    return Server(*answer)
