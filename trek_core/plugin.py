"""Door 2: all that a plugin author imports.

A plugin is a module (or an object) with functions marked `@hookimpl`, found by an entry point of the group ``trek``::

    from trek_core.plugin import Loader, hookimpl

    @hookimpl
    def trek_register_loaders():
        yield Loader("mine", (".mine",), load)

Subclass `TrekHooks` instead to have a type checker compare the signatures.
"""

from trek_core._hooks import TrekHooks, hookimpl
from trek_core._host import PluginHost
from trek_core.backend import Backend
from trek_core.contracts import (
    Catalog,
    Executor,
    ExecutorProvider,
    Layout,
    Loader,
    NoSettings,
    Observer,
    Provider,
    Tree,
    VersionStore,
)
from trek_core.errors import ConfigError, ConnectError, LoadError, LockTimeout, PlanError
from trek_core.events import (
    Done,
    Event,
    Failed,
    Failure,
    LockWaiting,
    Lost,
    Result,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)
from trek_core.model import (
    Action,
    Advisory,
    Arrangement,
    Body,
    Call,
    Copy,
    Direction,
    Entry,
    Facts,
    File,
    Guard,
    History,
    HistoryRow,
    Hop,
    Ignored,
    Lock,
    Locked,
    Mode,
    Record,
    Row,
    RowLock,
    Rows,
    Rules,
    Script,
    Source,
    Sql,
    State,
    Statement,
    Verb,
)
from trek_core.text import decode, quote_ident, quote_literal

__all__ = [
    "Action",
    "Advisory",
    "Arrangement",
    "Backend",
    "Body",
    "Call",
    "Catalog",
    "ConfigError",
    "ConnectError",
    "Copy",
    "Direction",
    "Done",
    "Entry",
    "Event",
    "Executor",
    "ExecutorProvider",
    "Facts",
    "Failed",
    "Failure",
    "File",
    "Guard",
    "History",
    "HistoryRow",
    "Hop",
    "Ignored",
    "Layout",
    "LoadError",
    "Loader",
    "Lock",
    "LockTimeout",
    "LockWaiting",
    "Locked",
    "Lost",
    "Mode",
    "NoSettings",
    "Observer",
    "PlanError",
    "PluginHost",
    "Provider",
    "Record",
    "Result",
    "Row",
    "RowLock",
    "Rows",
    "Rules",
    "RunFinished",
    "RunStarted",
    "Script",
    "Source",
    "Sql",
    "Started",
    "State",
    "Statement",
    "StatementDone",
    "Tree",
    "TrekHooks",
    "Verb",
    "VersionStore",
    "decode",
    "hookimpl",
    "quote_ident",
    "quote_literal",
]
