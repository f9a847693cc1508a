"""One plugin on its way in: imported, looked at, registered."""

from __future__ import annotations

import inspect
import re
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from trek_core import _trace
from trek_core._blame import Offer, blame, shown, way_out
from trek_core._dataclass import dataclass, field
from trek_core._hooks import TrekHooks
from trek_core._kinds import HOOKS, check_hookimpl, check_plugin_object
from trek_core.errors import (
    PluginConflict,
    PluginContractError,
    PluginError,
    PluginImportError,
    TrekError,
    plugin_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trek_core._entry_points import Point

T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """A plugin that was found. `get` gives the object, and imports it if need be."""

    plugin: str
    get: Callable[[], object]
    origin: str
    project: str = ""
    version: str = ""
    value: str = ""
    given: bool = False
    hooks: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    error: TrekError | None = None

    @property
    def distribution(self) -> str:
        """Name and version; empty for one given by hand."""
        return f"{self.project} {self.version}".strip()

    def offer(self, value: T) -> Offer[T]:
        return Offer(value, self.plugin, self.distribution)

    def __str__(self) -> str:
        return plugin_words(self.plugin, self.distribution)


def installed(point: Point) -> Found:
    """The plugin behind an entry point."""
    return Found(point.name, point.load, f"importing {point.value}", point.project, point.version, point.value)


def given(plugin: object) -> Found:
    """A module, an object, or a tuple (name, object)."""
    match plugin:
        case (str(name), value):
            return Found(name, lambda: value, "registering", given=True)
        case ModuleType():
            name = plugin.__name__
        case _:
            name = plugin.__name__ if inspect.isclass(plugin) else type(plugin).__name__
    return Found(name, lambda: plugin, "registering", given=True)


def imported(found: Found) -> object:
    """The plugin's object. Raises `PluginImportError`."""
    if found.given:
        return found.get()
    try:
        with _trace.call(found, found.origin):
            return found.get()
    except (Exception, SystemExit) as error:
        problem = f"{_trace.raised(error)}\n{_cure(found, error)}"
        raise PluginImportError(found.plugin, found.distribution, found.origin, problem) from error


def _cure(found: Found, error: BaseException) -> str:
    """Whether the entry point is wrong, or what it names."""
    module, _, attribute = found.value.partition(":")
    missing = error.name if isinstance(error, ImportError) else None
    if (missing and f"{module}.".startswith(f"{missing}.")) or isinstance(error, AttributeError):
        point = f'{found.plugin} = "{found.value}"'
        example = attribute or "plugin"
        return f'Correct its entry point, {point}: NAME = "package.module", or NAME = "package.module:{example}" for an object.'
    return "Install what it needs, or another version of it."


def closed(found: Found, error: TrekError) -> TrekError:
    """The error that every lookup will raise; it names the way out unless it has its own."""
    way = way_out(found.plugin)
    if isinstance(error, PluginConflict) or not isinstance(error, PluginError) or error.problem.endswith(way):
        return error
    ended = type(error)(error.plugin, error.distribution, error.where, error.problem + way)
    ended.__cause__ = error.__cause__
    return ended


def refuse_second(found: Found, first: Found) -> None:
    """Raises `PluginConflict` where another plugin had the name before."""
    if found is first:
        return
    by_hand = found.given or first.given
    advice = "Give one of them another name: (name, object)." if by_hand else "Uninstall one of them."
    problem = f"the plugin name {found.plugin!r} is taken by {first}, and blocking it would block both. {advice}"
    raise PluginConflict(found.plugin, found.distribution, found.origin, problem, first.plugin)


class Manager(pluggy.PluginManager):
    """Looks into modules in a glance: most of their names are no functions, and most functions have no mark."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        if isinstance(plugin, ModuleType) and (value := vars(plugin).get(name)) is not None:
            kind = type(value)
            if kind is FunctionType:
                if f"{self.project_name}_impl" not in vars(value):
                    return None
            elif kind in _NO_ROUTINES or isinstance(value, type) or not inspect.isroutine(value):
                return None
        return super().parse_hookimpl_opts(plugin, name)


_NO_ROUTINES = {
    bool,
    dict,
    frozenset,
    int,
    list,
    set,
    str,
    tuple,
    re.Pattern,
    pluggy.HookimplMarker,
    ModuleSpec,
    ModuleType,
}


def register(manager: Manager, found: Found, plugin: object) -> None:
    """Raises `PluginContractError` for all that pluggy would take in silence, and for what it refuses."""
    offer = found.offer(plugin)
    with blame(offer, "registering"):
        check_plugin_object(offer)
        _check_marked(manager, offer)
        if (taken := manager.get_name(plugin)) is not None:
            problem = f"the same object is registered as plugin {taken!r} already. One entry point is enough for all its hooks."
            raise PluginConflict(found.plugin, found.distribution, "registering", problem, taken)
        try:
            manager.register(plugin, found.plugin)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            problem = f"{str(error).splitlines()[-1]}: hooks of trek take no arguments"
            raise PluginContractError(found.plugin, found.distribution, "registering", problem) from error


def _check_marked(manager: Manager, offer: Offer[Any]) -> None:
    plugin = offer.value
    marked = {name: options for name in dir(plugin) if (options := manager.parse_hookimpl_opts(plugin, name))}
    for name, options in marked.items():
        check_hookimpl(offer, options.get("specname") or name, dict(options))
    if not marked:
        problem = f"{_called(plugin)} has no function marked @hookimpl.{_instance(plugin)} Hooks: {', '.join(HOOKS)}"
        raise PluginContractError(offer.plugin, offer.distribution, "registering", problem)


def _called(plugin: object) -> str:
    return f"the module {plugin.__name__}" if isinstance(plugin, ModuleType) else shown(plugin)


def _instance(plugin: object) -> str:
    """What is missing where a module holds only the class."""
    classes = [v for v in vars(plugin).values() if inspect.isclass(v)] if isinstance(plugin, ModuleType) else []
    name = next((c.__name__ for c in classes if issubclass(c, TrekHooks) and c is not TrekHooks), "")
    return (
        f" Its class {name} is not used: plugin = {name}(), and an entry point that names it, module:plugin."
        if name
        else ""
    )
