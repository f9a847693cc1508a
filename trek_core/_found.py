"""One plugin on its way in: found, imported, and told about."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from trek_core import _trace
from trek_core._blame import Offer, way_out
from trek_core._dataclass import dataclass, field
from trek_core._hooks import HOOKS
from trek_core.errors import (
    PluginConflict,
    PluginError,
    PluginImportError,
    TrekError,
    plugin_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trek_core._entry_points import Point

T = TypeVar("T")
DISTRIBUTION = "trek-migrate"
NOT_YET = object()


@dataclass(slots=True)
class Found:
    """A plugin that was found. `get` gives the object, and imports it if need be; `registered` is that object when it is."""

    plugin: str
    get: Callable[[], object]
    origin: str
    project: str = ""
    version: str = ""
    value: str = ""
    given: bool = False
    registered: object = NOT_YET
    hooks: list[str] = field(default_factory=list)
    offers: list[tuple[str, Any]] = field(default_factory=list)
    """A hook, and what it gave."""
    twin: str = ""
    """Another plugin, which is the same object."""
    error: TrekError | None = None

    @property
    def ours(self) -> bool:
        """Whether trek brings it."""
        return self.project == DISTRIBUTION

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


def hooks(module: Any) -> list[tuple[str, Callable[[], object]]]:
    """Those of a module that trek brings."""
    return [(name, vars(module)[name]) for name in sorted(HOOKS) if name in vars(module)]


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


def refuse_twin(found: Found, first: str) -> NoReturn:
    """Raises `PluginConflict` for an object that is registered as another plugin already."""
    advice = "Give it once." if found.given else "One entry point is enough for all its hooks."
    problem = f"the same object is registered as plugin {first!r} already. {advice}"
    raise PluginConflict(found.plugin, found.distribution, "registering", problem, first)
