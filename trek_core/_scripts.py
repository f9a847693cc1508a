"""Files, and what loading makes of them."""

from __future__ import annotations

import enum
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, BinaryIO, Literal

from trek_core._dataclass import dataclass

Folder = str | PathLike[str]
PACKAGE = "package:"
Folders = Folder | Sequence[Folder]
"""Where migrations lie: a folder, "package:NAME", a zip or a folder in a zip; or several of them, as one."""

Mode = Literal["transaction", "autocommit", "message"]
"""transaction: one BEGIN … COMMIT; autocommit: a statement at a time, outside a transaction block;
message: each `Sql` is one simple query, never cut."""

Verb = Literal["apply", "revert", "rerun", "mark", "unmark"]
"""apply, revert and rerun carry a body out; mark and unmark only write the history."""
PAST: dict[Verb, str] = {
    "apply": "applied",
    "revert": "reverted",
    "rerun": "ran again",
    "mark": "marked",
    "unmark": "unmarked",
}
"""What was done, for the command's lines and the log."""


class Direction(enum.Enum):
    """The way a plan may go. Where it is left out, trek finds out."""

    up = "up"
    down = "down"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree: `path` below `root`, with forward slashes."""

    path: str
    root: str = ""

    @property
    def name(self) -> str:
        path = self.path
        return path.rpartition("/")[2] if "/" in path else path

    def __str__(self) -> str:
        return f"{self.root}/{self.path}" if self.root else self.path


@dataclass(frozen=True, slots=True)
class Source:
    """What a loader is given: a file, the bytes that were hashed, and the direction where the file's name says it.

    `direction` None means that the content itself says what is up and what is down.
    location: where the file lies, if `str(file)` does not say it: that of a package, or in a zip.
    """

    file: File
    content: bytes
    direction: Direction | None = None
    location: str = ""

    @property
    def big(self) -> bool:
        """Whether the content lies on disk still, and is read whole by whoever asks for it: `open` it instead."""
        return False

    def open(self) -> BinaryIO:
        """The content as a stream, from its beginning. Raises `LoadError` where the file can no longer be read."""
        return io.BytesIO(self.content)


@dataclass(frozen=True, slots=True)
class Form:
    """A statement that a store writes around every migration, each time with other values: it can be prepared once.

    parts: its text before, between and behind the places of the values, so one part more than there are values. It is a
    SELECT, INSERT, UPDATE, DELETE or MERGE, and each value has the type that PostgreSQL finds for `$1` at its place.
    """

    parts: tuple[str, ...]

    def filled(self, literals: tuple[str, ...]) -> Sql:
        """The statement with these values, which are SQL literals: "5", "'it''s'", "NULL".

        Raises `ValueError` for too few or too many.
        """
        if len(literals) != len(self.parts) - 1:
            msg = f"{len(literals)} values were given for {len(self.parts) - 1} places of: {self.prepared}"
            raise ValueError(msg)
        text = [""] * (2 * len(literals) + 1)
        text[::2], text[1::2] = self.parts, literals
        return Sql("".join(text), form=self, literals=literals)

    @property
    def prepared(self) -> str:
        """Its text with `$1`, `$2` and so on, as PREPARE takes it."""
        return self.parts[0] + "".join(f"${number}{part}" for number, part in enumerate(self.parts[1:], 1))


@dataclass(frozen=True, slots=True)
class Sql:
    """One SQL statement (or, in mode "message", several), and where it stands.

    `line` and `column` count from 1, `offset` counts characters from the beginning of the decoded file.
    `file` is empty for SQL that trek or a store wrote. What follows `offset` is what the splitter saw, and what a store says.
    """

    text: str
    file: str = ""
    line: int = 1
    column: int = 1
    offset: int = 0
    refuses_block: str = ""
    """The words that make a transaction block refuse it ("CREATE INDEX CONCURRENTLY"), or nothing."""
    controls_transaction: str = ""
    """The words that begin or end a transaction ("COMMIT"), or nothing."""
    changes_settings: bool = False
    """SET, RESET, set_config, DISCARD, DO, CALL, and what a session keeps (LISTEN, PREPARE, DEALLOCATE, CLOSE, CREATE TEMP, a
    cursor WITH HOLD, a session's advisory lock): the session may be another afterwards."""
    form: Form | None = None
    """What it was made of with `literals` (`Form.filled`): an executor may send it as PREPARE and EXECUTE instead."""
    literals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """A `COPY … FROM STDIN` and the data that follows it in the file, without the line that ends it.

    data: text, or bytes in UTF-8 that can be iterated over more than once, each time from the beginning.
    data_line: the line of the first row; 0 for data that stand in no file.
    """

    text: str
    data: str | Iterable[bytes]
    file: str = ""
    line: int = 1
    column: int = 1
    offset: int = 0
    data_line: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The data in UTF-8, as they go to the server: some 250 kB at a time."""
        if not isinstance(self.data, str):
            yield from self.data
            return
        for at in range(0, len(self.data), CHUNK):
            yield self.data[at : at + CHUNK].encode()


@dataclass(frozen=True, slots=True)
class Call:
    """An async function of the executor's connection. `name`, `file` and `line` are for messages."""

    function: Callable[[Any], Awaitable[object]]
    name: str
    file: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Statements of a file that is too big to hold, which are read when they run. None of them refuses a transaction block.

    read: their text as one simple query, without its last semicolon. split: the same statements singly, each with its
    place in the file; `Sql.offset` counts from the beginning of the piece. Both read anew each time, and raise
    `LoadError` where the file is no longer what it was when it was loaded.
    """

    read: Callable[[], str]
    split: Callable[[], tuple[Sql, ...]]
    file: str = ""
    line: int = 1
    column: int = 1
    last_line: int = 1
    changes_settings: bool = False
    """As of `Sql`: whether one of them does."""

    def whole(self) -> Sql:
        """All of them as one statement, with the place of the first."""
        return Sql(self.read(), self.file, self.line, self.column, changes_settings=self.changes_settings)


Statement = Sql | Copy | Call | Piece
CHUNK = 1 << 18  # characters: the server and the driver are as fast with more (measured)


@dataclass(frozen=True, slots=True)
class Body:
    """One direction of a migration.

    mode: None lets trek decide: "autocommit" if a transaction block refuses one of the statements, else "transaction".
    lock_timeout: seconds that each wait for a lock may last; None leaves it to the executor; 0 is no limit.
    statement_timeout: seconds that each statement may take, in a transaction; None and 0 likewise.
    """

    statements: tuple[Statement, ...]
    mode: Mode | None = None
    lock_timeout: float | None = None
    statement_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What loading gives. `down` None: there is no way back; `irreversible`: its author said so."""

    up: Body | None
    down: Body | None = None
    irreversible: bool = False
