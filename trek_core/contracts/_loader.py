"""Loaders: what the content of one kind of file becomes."""

from __future__ import annotations

from collections.abc import Callable

from trek_core._dataclass import dataclass
from trek_core.model import Script, Source


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes a script of the content of one kind of file. Conformance kit: `trek_core.testing.LoaderSuite`.

    name: for messages and `trek plugins`.
    suffixes: with their dot (".sql"); the longest that fits a name wins (".sql.j2" before ".j2").
    load: called by the tree, for a layout's entry that is about to run.

    L1. trek calls `load` for files whose script is wanted, and for no other; the bytes are those that it hashed.
    L2. `load` returns a `Script` that has a way up, a way down, or both.
    L3. `load` does no I/O: it opens no file and no connection, starts no process and prints nothing.
    L4. The same source gives the same script, whatever was loaded in between.
    L5. For any bytes at all `load` returns a `Script` or raises `LoadError`, and nothing else.
    L6. A wrong file is refused with a `LoadError` that names it as `str(source.file)`, and a line that it has or None.
    L7. Every statement names its file as `str(source.file)`, and a line that the file has.
    L8. With a direction the other way's body is None.
    L9. The function of a `Call` is async, and nothing of the migration runs while it is loaded.
    L10. No statement is empty, and none ends with its semicolon, unless the mode is "message".
    L11. A BOM in front and CRLF line ends change neither the number of statements nor their lines.
    """

    name: str
    suffixes: tuple[str, ...]
    load: Callable[[Source], Script]
