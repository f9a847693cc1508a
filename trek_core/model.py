"""The values that plugins and users exchange. Frozen, without I/O, importable by everybody.

How they follow one another::

    File -> Source -> Script(Body(Statement)) -> Entry -> Hop -> Action + Record -> Plan -> Report
    history rows -> HistoryRow -> History -> State
"""

from trek_core._entries import (
    Arrangement,
    Choice,
    Entry,
    Hop,
    Ignored,
    Route,
    Rules,
    TransactionChoice,
)
from trek_core._history import (
    Facts,
    History,
    HistoryRow,
    Resume,
    Row,
    Rows,
    State,
)
from trek_core._records import (
    Action,
    Advisory,
    Guard,
    Lock,
    Locked,
    Record,
    RowLock,
)
from trek_core._scripts import (
    Body,
    Call,
    Copy,
    Direction,
    File,
    Mode,
    Piece,
    Script,
    Source,
    Sql,
    Statement,
    Verb,
)

__all__ = [
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
    "State",
    "Statement",
    "TransactionChoice",
    "Verb",
]
