"""Door 2: all that a plugin author imports.

A plugin is a module (or an object) with functions marked `@hookimpl`, found by an entry point of the group ``trek``::

    from trek_core.plugin import Loader, hookimpl

    @hookimpl
    def trek_register_loaders():
        yield Loader("mine", (".mine",), load)

Subclass `TrekHooks` instead to have a type checker compare the signatures.
"""

from typing import TYPE_CHECKING

from trek_core._dataclass import dataclass, field, replace
from trek_core._door import door
from trek_core._folding import state_of
from trek_core._hooks import TrekHooks, hookimpl
from trek_core._host import PluginHost
from trek_core.backend import Backend
from trek_core.contracts import (
    Executor,
    ExecutorProvider,
    Layout,
    Loader,
    NoSettings,
    Observer,
    Provider,
    VersionStore,
)
from trek_core.errors import (
    ConfigError,
    ConnectError,
    Cycle,
    Duplicate,
    Irreversible,
    LoadError,
    LockTimeout,
    Missing,
    PlanError,
    TrekError,
    UnknownRevision,
)
from trek_core.model import (
    ROLLED_BACK,
    Arrangement,
    Body,
    Call,
    Copy,
    Direction,
    Entry,
    Facts,
    File,
    Form,
    History,
    HistoryRow,
    Hop,
    Ignored,
    Mode,
    Piece,
    Resume,
    Row,
    Rows,
    Rules,
    Script,
    Source,
    Sql,
    Squashed,
    State,
    Statement,
    TransactionChoice,
    Verb,
)
from trek_core.plans import Plan, Report
from trek_core.text import advisory_key, create_schema, decode, quote_ident, quote_literal, redact_dsn

if TYPE_CHECKING:
    from trek_core import script
    from trek_core._event_facts import facts_of
    from trek_core._graph import in_order
    from trek_core._project import configured, fingerprint
    from trek_core._signs import FileSign, Signs, TableSign
    from trek_core.contracts import Catalog, DumpExecutor, ScratchExecutor, Tree
    from trek_core.events import (
        Blocked,
        Blocker,
        Done,
        Event,
        Failed,
        Failure,
        LockWaiting,
        Lost,
        Result,
        RunFailed,
        RunFinished,
        RunStarted,
        Started,
        StatementDone,
    )
    from trek_core.model import Action, Advisory, Guard, Lock, Locked, Record, RowLock
else:
    __getattr__ = door(  # what a run that finds nothing to do has no use for
        __name__,
        {
            "trek_core._event_facts": "facts_of",
            "trek_core._graph": "in_order",
            "trek_core._project": "configured fingerprint",
            "trek_core._signs": "FileSign Signs TableSign",
            "trek_core.events": (
                "Blocked Blocker Done Event Failed Failure LockWaiting Lost Result RunFailed RunFinished RunStarted"
                " Started StatementDone"
            ),
            "trek_core.model": "Action Advisory Guard Lock Locked Record RowLock",
            "trek_core.script": "script",
            "trek_core.contracts": "Catalog DumpExecutor ScratchExecutor Tree",
        },
    )

__all__ = [
    "ROLLED_BACK",
    "Action",
    "Advisory",
    "Arrangement",
    "Backend",
    "Blocked",
    "Blocker",
    "Body",
    "Call",
    "Catalog",
    "ConfigError",
    "ConnectError",
    "Copy",
    "Cycle",
    "Direction",
    "Done",
    "DumpExecutor",
    "Duplicate",
    "Entry",
    "Event",
    "Executor",
    "ExecutorProvider",
    "Facts",
    "Failed",
    "Failure",
    "File",
    "FileSign",
    "Form",
    "Guard",
    "History",
    "HistoryRow",
    "Hop",
    "Ignored",
    "Irreversible",
    "Layout",
    "LoadError",
    "Loader",
    "Lock",
    "LockTimeout",
    "LockWaiting",
    "Locked",
    "Lost",
    "Missing",
    "Mode",
    "NoSettings",
    "Observer",
    "Piece",
    "Plan",
    "PlanError",
    "PluginHost",
    "Provider",
    "Record",
    "Report",
    "Result",
    "Resume",
    "Row",
    "RowLock",
    "Rows",
    "Rules",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "ScratchExecutor",
    "Script",
    "Signs",
    "Source",
    "Sql",
    "Squashed",
    "Started",
    "State",
    "Statement",
    "StatementDone",
    "TableSign",
    "TransactionChoice",
    "Tree",
    "TrekError",
    "TrekHooks",
    "UnknownRevision",
    "Verb",
    "VersionStore",
    "advisory_key",
    "configured",
    "create_schema",
    "dataclass",
    "decode",
    "facts_of",
    "field",
    "fingerprint",
    "hookimpl",
    "in_order",
    "quote_ident",
    "quote_literal",
    "redact_dsn",
    "replace",
    "script",
    "state_of",
]
