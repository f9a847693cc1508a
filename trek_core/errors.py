"""Every error that trek raises::

    TrekError
    ├─ ConfigError               a setting, an option, a name that nobody offers
    ├─ ConnectError              no session could be opened
    ├─ LoadError                 path, line: the migration file's author
    ├─ PlanError
    │  ├─ UnknownRevision        the target, or a name in `requires` or `replaces`
    │  ├─ Changed                an applied file was edited
    │  ├─ Missing                applied, but the file is gone
    │  ├─ OutOfOrder             pending, but older than an applied one
    │  ├─ Irreversible           no way down
    │  ├─ Cycle
    │  ├─ Duplicate              two files for one revision
    │  ├─ Unfinished             begun outside a transaction, never completed
    │  ├─ PlanOutdated           the database moved since the plan was shown
    │  └─ ReadOnly               a standby, a read-only transaction, the wrong isolation
    ├─ LockTimeout               who holds the lock
    ├─ MigrationFailed           what failed, where, what was done before, the way on
    └─ PluginError               plugin, distribution, version, where
       ├─ PluginImportError
       ├─ PluginConflict
       └─ PluginContractError

A message says what was tried, what was found, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trek_core.events import Failure, LockWaiting
    from trek_core.model import Action
    from trek_core.plans import Report


class TrekError(Exception):
    """The base of all errors of trek."""


class ConfigError(TrekError):
    """A setting or an option is wrong, or names something that no plugin offers."""


class ConnectError(TrekError):
    """No session with the database could be opened. The message never holds a password."""


class LoadError(TrekError):
    """A migration file is wrong. `path` and `line` (from 1; None for the whole file), `problem`, `advice`."""

    def __init__(self, path: str, line: int | None, problem: str, advice: str = "") -> None:
        self.path, self.line, self.problem, self.advice = path, line, problem, advice
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {problem}" + (f"\n{advice}" if advice else ""))


class PlanError(TrekError):
    """No plan leads to the target. `revisions` are those the message is about."""

    def __init__(self, message: str, revisions: tuple[str, ...] = ()) -> None:
        self.revisions = revisions
        super().__init__(message)


class UnknownRevision(PlanError):
    """A revision that no file has."""


class Changed(PlanError):
    """An applied file was edited since."""


class Missing(PlanError):
    """Applied, but its file is gone: the database is ahead of the code."""


class OutOfOrder(PlanError):
    """A pending migration is older than an applied one."""


class Irreversible(PlanError):
    """There is no way down. `on_purpose`: its author said so."""

    def __init__(self, message: str, revisions: tuple[str, ...] = (), *, on_purpose: bool = False) -> None:
        self.on_purpose = on_purpose
        super().__init__(message, revisions)


class Cycle(PlanError):
    """Revisions require one another."""


class Duplicate(PlanError):
    """Two files for one revision."""


class Unfinished(PlanError):
    """A non-transactional migration was begun and never completed."""


class PlanOutdated(PlanError):
    """The database moved since the plan was shown."""


class ReadOnly(PlanError):
    """The session cannot write, or cannot see what others wrote."""


class LockTimeout(TrekError):
    """Somebody else held the migration lock all the time. `holder` says who, as far as the server tells."""

    def __init__(self, message: str, holder: LockWaiting | None = None) -> None:
        self.holder = holder
        super().__init__(message)


class MigrationFailed(TrekError):
    """A migration failed. `action`, `failure` and `report` (what was done before); `__cause__` is the driver's exception."""

    def __init__(self, message: str, action: Action, failure: Failure, report: Report) -> None:
        self.action, self.failure, self.report = action, failure, report
        super().__init__(message)


def plugin_words(plugin: str, distribution: str) -> str:
    """A plugin for messages: "plugin 'sqlx' (shop-sqlx 1.2)"; `distribution` is empty for one given by hand."""
    return f"plugin {plugin!r}" + (f" ({distribution})" if distribution else "")


class PluginError(TrekError):
    """A plugin broke its contract. `plugin`, `distribution` ("name version"), `where`, `problem`."""

    def __init__(self, plugin: str, distribution: str, where: str, problem: str) -> None:
        self.plugin, self.distribution, self.where, self.problem = plugin, distribution, where, problem
        super().__init__(f"{plugin_words(plugin, distribution)}: {where}: {problem}")


class PluginImportError(PluginError):
    """A plugin's module could not be imported."""


class PluginConflict(PluginError):
    """Two plugins offer the same name. `other` is the plugin that had it first."""

    def __init__(self, plugin: str, distribution: str, where: str, problem: str, other: str = "") -> None:
        self.other = other
        super().__init__(plugin, distribution, where, problem)


class PluginContractError(PluginError):
    """A plugin gave something that its contract does not allow."""
