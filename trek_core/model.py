"""The values that plugins and users exchange. Frozen, without I/O, importable by everybody.

How they follow one another::

    File -> Source -> Script(Body(Statement)) -> Entry -> Hop -> Action + Record -> Plan -> Report
    history rows -> HistoryRow -> History -> State
"""

from typing import TYPE_CHECKING

from trek_core._door import door
from trek_core._entries import (
    Arrangement,
    Choice,
    Entry,
    Hop,
    Ignored,
    Route,
    Rules,
    Squashed,
    TransactionChoice,
)
from trek_core._history import (
    ROLLED_BACK,
    Facts,
    History,
    HistoryRow,
    Resume,
    Row,
    Rows,
    State,
)
from trek_core._scripts import (
    Body,
    Call,
    Copy,
    Direction,
    File,
    Form,
    Mode,
    Piece,
    Script,
    Source,
    Sql,
    Statement,
    Verb,
)

if TYPE_CHECKING:
    from trek_core._records import Action, Advisory, Guard, Lock, Locked, Record, RowLock
else:  # what is made of migrations that are pending
    __getattr__ = door(__name__, {"trek_core._records": "Action Advisory Guard Lock Locked Record RowLock"})

__all__ = [
    "ROLLED_BACK",
    "Action",
    "Advisory",
    "Arrangement",
    "Body",
    "Call",
    "Choice",
    "Copy",
    "Direction",
    "Entry",
    "Facts",
    "File",
    "Form",
    "Guard",
    "History",
    "HistoryRow",
    "Hop",
    "Ignored",
    "Lock",
    "Locked",
    "Mode",
    "Piece",
    "Record",
    "Resume",
    "Route",
    "Row",
    "RowLock",
    "Rows",
    "Rules",
    "Script",
    "Source",
    "Sql",
    "Squashed",
    "State",
    "Statement",
    "TransactionChoice",
    "Verb",
]
