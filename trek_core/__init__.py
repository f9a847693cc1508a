"""Door 1: what a user of trek calls. Importing it imports neither pluggy nor a driver."""

from typing import TYPE_CHECKING

from trek_core._door import door
from trek_core._migrator import Migrator, execute, plan
from trek_core._scripts import Folders
from trek_core.contracts import Observer
from trek_core.errors import (
    Changed,
    ConfigError,
    ConnectError,
    Cycle,
    Duplicate,
    Irreversible,
    LoadError,
    LockTimeout,
    MigrationFailed,
    Missing,
    OutOfOrder,
    PlanError,
    PlanOutdated,
    PluginConflict,
    PluginContractError,
    PluginError,
    PluginImportError,
    ReadOnly,
    TrekError,
    Unfinished,
    UnknownRevision,
)
from trek_core.model import Direction, Rules
from trek_core.plans import Plan, Report, Status

if TYPE_CHECKING:
    from trek_core._adopt import Adoption, adopt
    from trek_core._check import Checked, check
    from trek_core._convert import Conversion
    from trek_core._drift import Difference, Drift, compare
    from trek_core._dump import Dump, dump
    from trek_core._rehearsal import Rehearsal, Rehearsed
    from trek_core._rehearse import rehearse
    from trek_core._scratch import Scratch, scratch
    from trek_core._seen import Finding
else:
    __getattr__ = door(
        __name__,
        {
            "trek_core._adopt": "Adoption adopt",
            "trek_core._check": "Checked check",
            "trek_core._seen": "Finding",
            "trek_core._convert": "Conversion",
            "trek_core._drift": "Difference Drift compare",
            "trek_core._dump": "Dump dump",
            "trek_core._rehearsal": "Rehearsal Rehearsed",
            "trek_core._rehearse": "rehearse",
            "trek_core._scratch": "Scratch scratch",
        },
    )

__all__ = [
    "Adoption",
    "Changed",
    "Checked",
    "ConfigError",
    "ConnectError",
    "Conversion",
    "Cycle",
    "Difference",
    "Direction",
    "Drift",
    "Dump",
    "Duplicate",
    "Finding",
    "Folders",
    "Irreversible",
    "LoadError",
    "LockTimeout",
    "MigrationFailed",
    "Migrator",
    "Missing",
    "Observer",
    "OutOfOrder",
    "Plan",
    "PlanError",
    "PlanOutdated",
    "PluginConflict",
    "PluginContractError",
    "PluginError",
    "PluginImportError",
    "ReadOnly",
    "Rehearsal",
    "Rehearsed",
    "Report",
    "Rules",
    "Scratch",
    "Status",
    "TrekError",
    "Unfinished",
    "UnknownRevision",
    "adopt",
    "check",
    "compare",
    "dump",
    "execute",
    "plan",
    "rehearse",
    "scratch",
]
