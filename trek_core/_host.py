"""Finds the plugins, blocks some, asks each what it offers, and says who is to blame when one is wrong."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from trek_core._blame import (
    GIVEN,
    HOOKS,
    Offer,
    blame,
    check_hookimpl,
    check_plugin_object,
    conflict,
    described,
    drain,
    expect,
    keys,
    nearest,
    raised,
    shown,
    way_out,
)
from trek_core._config import make_settings
from trek_core._hooks import PROJECT, TrekHooks
from trek_core.contracts import ExecutorProvider, Layout, Loader, Observer, Provider, VersionStore
from trek_core.errors import ConfigError, PluginConflict, PluginContractError, PluginError, PluginImportError, TrekError
from trek_core.text import redact_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")
NO_SETTINGS: Mapping[str, object] = MappingProxyType({})

__all__ = ["Offer", "PluginHost", "PluginInfo", "blame"]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One line of `trek plugins`. `offers` are like "loader sql (.sql)"; `error` is empty for a plugin that works."""

    name: str
    distribution: str = ""
    hooks: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    blocked: bool = False
    error: str = ""


@dataclass(slots=True)
class _Found:
    """A plugin on its way in. `get` gives the object, and imports it if need be."""

    name: str
    distribution: str
    get: Callable[[], object]
    origin: str
    given: bool = False
    hooks: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    error: TrekError | None = None

    def offer(self, value: T) -> Offer[T]:
        return Offer(value, self.name, self.distribution)

    def __str__(self) -> str:
        return f"plugin {self.name!r}" + (f" ({self.distribution})" if self.distribution else "")


class PluginHost:
    """All plugins: those given, and every installed one (entry points of the group "trek").

    plugins: modules, instances of subclasses of `TrekHooks`, or tuples (name, object). blocked: names of plugins to
    leave out, besides those in the environment's TREK_DISABLE_PLUGINS (separated by commas). They are loaded once, at
    the first question; if one is broken every question raises its `PluginError`, except `describe`.
    """

    def __init__(
        self, plugins: Iterable[object] = (), *, blocked: Iterable[str] = (), entry_points: bool = True
    ) -> None:
        self._given, self._blocked, self._entry_points = tuple(plugins), tuple(blocked), entry_points

    def layout(self, name: str, settings: Mapping[str, object] = NO_SETTINGS) -> Offer[Layout]:
        """The layout of that name. Raises `ConfigError` for an unknown name or a wrong setting."""
        return self._create(self._pick("layout", name), settings, Layout, f"layout {name}")

    def store(self, store: str | VersionStore, settings: Mapping[str, object] = NO_SETTINGS) -> Offer[VersionStore]:
        """The version store of that name, or the given one as it is. Raises `ConfigError` as `layout` does."""
        if isinstance(store, str):
            return self._create(self._pick("store", store), settings, VersionStore, f"store {store}")
        if not isinstance(store, VersionStore):
            msg = f"{shown(store)} is no version store: give a name or an instance of a VersionStore"
            raise ConfigError(msg)
        if settings:
            msg = (
                f"{type(store).__name__} was given as an object, so these store settings have no use: {_join(settings)}"
            )
            raise ConfigError(msg)
        return Offer(store, GIVEN)

    def loader_for(self, file_name: str) -> Offer[Loader] | None:
        """The loader for a file, by the longest of its suffixes that has one."""
        index = self._index
        name = file_name.rpartition("/")[2]
        dot = name.find(".")
        while dot >= 0:
            if (offer := index.get(("suffix", name[dot:]))) is not None:
                return offer
            dot = name.find(".", dot + 1)
        return None

    def suffixes(self) -> tuple[str, ...]:
        """The file suffixes that a loader takes, sorted."""
        return self._names("suffix")

    def executor(self, scheme: str) -> Offer[ExecutorProvider]:
        """The executor that serves DSNs of that scheme ("postgresql"). Raises `ConfigError` if none does."""
        return self._pick("scheme", scheme.lower())

    def settings(self, offer: Offer[ExecutorProvider], given: Mapping[str, object] = NO_SETTINGS) -> Any:
        """What the second argument of `connect` must be. Raises `ConfigError` for a wrong setting."""
        return self._settings(offer, given, f"executor {offer.value.name}")

    def observers(self) -> tuple[Offer[Observer], ...]:
        """All observers, by name."""
        return tuple(self._index["observer", name] for name in self._names("observer"))

    def describe(self) -> tuple[PluginInfo, ...]:
        """Every plugin, the broken and the blocked too, by name. Never fails on account of a plugin."""
        blocked = self._all_blocked
        infos = [self._info(found) for found in self._plugins]
        unknown = blocked - {info.name for info in infos}
        infos += [PluginInfo(name, blocked=True, error="blocked, but no plugin has this name") for name in unknown]
        return tuple(sorted(infos, key=lambda info: (info.name, info.distribution)))

    # ----------------------------------------------------------------------- looking up
    @cached_property
    def _index(self) -> dict[tuple[str, str], Offer[Any]]:
        for found in self._plugins:
            if found.error is not None:
                raise found.error.with_traceback(None)
        return self._offers

    def _names(self, space: str) -> tuple[str, ...]:
        return tuple(sorted(key for kind, key in self._index if kind == space))

    def _pick(self, space: str, name: str) -> Offer[Any]:
        if (offer := self._index.get((space, name))) is not None:
            return offer
        known = self._names(space)
        scheme = f"no executor serves the scheme {redact_dsn(name)!r}."
        subject = scheme if space == "scheme" else f"no {space} {name!r} is on offer."
        blocked = f" Blocked plugins: {_join(self._all_blocked)}." if self._all_blocked else ""
        msg = (
            f"{subject}{nearest(name, known)} On offer: {_join(known)}.{blocked}\n"
            "Correct the name, or install the plugin that offers it: `trek plugins` lists what is there."
        )
        raise ConfigError(msg)

    def _create(self, offer: Offer[Provider[T]], given: Mapping[str, object], wanted: type, where: str) -> Offer[T]:
        settings = self._settings(offer, given, where)
        with blame(offer, f"creating {where}"):
            value = offer.value.create(settings)
        expect(offer, f"creating {where}", value, wanted)
        return Offer(value, offer.plugin, offer.distribution)

    def _settings(self, offer: Offer[Any], given: Mapping[str, object], where: str) -> Any:
        with blame(offer, f"settings of {where}"):
            return make_settings(offer.value.settings, given, f"settings of {where}")

    # ----------------------------------------------------------------------- loading, once
    @cached_property
    def _all_blocked(self) -> frozenset[str]:
        environment = os.environ.get("TREK_DISABLE_PLUGINS", "").split(",")
        return frozenset(name for raw in (*self._blocked, *environment) if (name := raw.strip()))

    @cached_property
    def _offers(self) -> dict[tuple[str, str], Offer[Any]]:
        return {}

    @cached_property
    def _plugins(self) -> tuple[_Found, ...]:
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(TrekHooks)
        for name in self._all_blocked:
            manager.set_blocked(name)
        plugins = tuple(self._find())
        for found in plugins:
            if found.name not in self._all_blocked:
                try:
                    self._load(manager, found, plugins)
                except TrekError as error:
                    found.error = _closed(found, error)
        return plugins

    def _find(self) -> Iterator[_Found]:
        yield from map(_given, self._given)
        if self._entry_points:
            points = importlib.metadata.entry_points(group=PROJECT)
            for point in sorted(points, key=lambda point: (point.name, point.value)):
                distribution = f"{point.dist.name} {point.dist.version}" if point.dist else ""
                yield _Found(point.name, distribution, point.load, f"importing {point.value}")

    def _load(self, manager: pluggy.PluginManager, found: _Found, plugins: tuple[_Found, ...]) -> None:
        plugin = _import(found)
        twin = next((other for other in plugins if other.given and other.get() is plugin), None)
        if twin and not found.given:  # the caller gave by hand what is installed as well: one plugin, not two
            found.offers.append(f"the same as plugin {twin.name!r}")
            return
        _refuse_second(found, next(other for other in plugins if other.name == found.name))
        _register(manager, found, plugin)
        for caller in manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin:
                    self._collect(found, caller.name, implementation.function)

    def _collect(self, found: _Found, hook: str, function: Callable[[], object]) -> None:
        found.hooks.append(hook)
        for value in drain(found.offer(None), hook, function):
            offer = found.offer(value)
            for space, key in keys(hook, value):
                other = self._offers.setdefault((space, key), offer)
                if other is not offer:
                    raise conflict(offer, f"hook {hook}", f"the {space} {key!r}", other)
            found.offers.append(described(hook, value))

    def _info(self, found: _Found) -> PluginInfo:
        error = str(found.error) if found.error else ""
        hooks, offers = tuple(sorted(set(found.hooks))), tuple(sorted(found.offers))
        return PluginInfo(found.name, found.distribution, hooks, offers, found.name in self._all_blocked, error)


def _given(plugin: object) -> _Found:
    match plugin:
        case (str(name), value):
            return _Found(name, "", lambda: value, "registering", given=True)
        case ModuleType():
            name = plugin.__name__
        case _:
            name = plugin.__name__ if inspect.isclass(plugin) else type(plugin).__name__
    return _Found(name, "", lambda: plugin, "registering", given=True)


def _import(found: _Found) -> object:
    try:
        return found.get()
    except (Exception, SystemExit) as error:
        raise PluginImportError(found.name, found.distribution, found.origin, raised(error)) from error


def _closed(found: _Found, error: TrekError) -> TrekError:
    """The error that every lookup will raise; it names the way out unless it has its own."""
    way = way_out(found.name)
    if isinstance(error, PluginConflict) or not isinstance(error, PluginError) or error.problem.endswith(way):
        return error
    closed = type(error)(error.plugin, error.distribution, error.where, error.problem + way)
    closed.__cause__ = error.__cause__
    return closed


def _refuse_second(found: _Found, first: _Found) -> None:
    if found is first:
        return
    by_hand = found.given or first.given
    advice = "Give one of them another name: (name, object)." if by_hand else "Uninstall one of them."
    problem = f"the plugin name {found.name!r} is taken by {first}, and blocking it would block both. {advice}"
    raise PluginConflict(found.name, found.distribution, found.origin, problem)


def _register(manager: pluggy.PluginManager, found: _Found, plugin: object) -> None:
    with blame(found.offer(plugin), "registering"):
        check_plugin_object(found.offer(plugin))
        marked = {name: options for name in dir(plugin) if (options := manager.parse_hookimpl_opts(plugin, name))}
        for name, options in marked.items():
            check_hookimpl(found.offer(plugin), options.get("specname") or name, dict(options))
        if not marked:
            problem = f"{shown(plugin)} has no function marked @hookimpl. Hooks: {', '.join(HOOKS)}"
            raise PluginContractError(found.name, found.distribution, "registering", problem)
        if (taken := manager.get_name(plugin)) is not None:
            problem = f"the same object is registered as plugin {taken!r} already"
            raise PluginConflict(found.name, found.distribution, "registering", problem)
        try:
            manager.register(plugin, found.name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            problem = f"{str(error).splitlines()[-1]}: hooks of trek take no arguments"
            raise PluginContractError(found.name, found.distribution, "registering", problem) from error


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
