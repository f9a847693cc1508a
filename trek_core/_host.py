"""Finds the plugins, blocks some, asks each what it offers, and says who is to blame when one is wrong."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from trek_core import _found, _trace
from trek_core._blame import GIVEN, Offer, blame, breach, expect, expect_all, shown
from trek_core._dataclass import dataclass
from trek_core._entry_points import Point, entry_points
from trek_core._hooks import PROJECT
from trek_core._kinds import conflict, described, drain, keys
from trek_core._pause import uncollected
from trek_core.contracts import Executor, ExecutorProvider, Layout, Loader, Observer, Provider, VersionStore
from trek_core.errors import ConfigError, TrekError
from trek_core.text import nearest, redact_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from trek_core._found import Found
    from trek_core._manager import Manager
    from trek_core._signs import Signs

T = TypeVar("T")
NO_SETTINGS: Mapping[str, object] = MappingProxyType({})

__all__ = ["Offer", "PluginHost", "PluginInfo", "blame"]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One line of `trek plugins`.

    distribution, version: empty for one given by hand. offers: like "loader sql (.sql)". error: empty for one that works.
    """

    name: str
    distribution: str = ""
    version: str = ""
    state: Literal["works", "broken", "blocked"] = "works"
    hooks: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    error: str = ""


class PluginHost:
    """All plugins: those given, and every installed one (entry points of the group "trek").

    plugins: modules, instances of subclasses of `TrekHooks`, or tuples (name, object). blocked: names of plugins to
    leave out, besides those in the environment's TREK_DISABLE_PLUGINS (separated by commas). They are loaded once, at
    the first question; if one is broken every question raises its `PluginError`, except `describe`. Raises `ConfigError`
    where `blocked` is one text.
    """

    def __init__(
        self, plugins: Iterable[object] = (), *, blocked: Iterable[str] = (), entry_points: bool = True
    ) -> None:
        if isinstance(blocked, str):  # an iterable of its letters, which would block nothing and say nothing
            msg = f"the plugins to leave out are the text {blocked!r}, want a list of names: [{blocked!r}]"
            raise ConfigError(msg)
        self._given, self._blocked, self._entry_points = tuple(plugins), tuple(blocked), entry_points

    def layout(self, name: str, settings: Mapping[str, object] = NO_SETTINGS) -> Offer[Layout]:
        """The layout of that name. Raises `ConfigError` for an unknown name or a wrong setting."""
        return self._create(self._pick("layout", name), settings, Layout, f"layout {name}")

    def store(self, store: str | VersionStore, settings: Mapping[str, object] = NO_SETTINGS) -> Offer[VersionStore]:
        """The version store of that name, or the given one as it is. Raises `ConfigError` as `layout` does."""
        if isinstance(store, str):
            made = self._create(self._pick("store", store), settings, VersionStore, f"store {store}")
            if inspect.isfunction(inspect.getattr_static(made.value, "identity")):
                breach(made, "VersionStore.identity", "is a method, want a property: decorate it with @property")
            return made
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

    def has_format(self, name: str) -> bool:
        """Whether there are both a layout and a version store of that name."""
        return all((kind, name) in self._index for kind in ("layout", "store"))

    def signs(self) -> tuple[Signs, ...]:
        """All by which tools are known, those of trek first."""
        from trek_core._signs import Signs  # noqa: PLC0415 - for `adopt`, and for nobody else

        found = list[Signs]()
        for (kind, name), offer in self._index.items():
            if kind == "signs":
                where = f"signs {name}"
                made = self._create(offer, NO_SETTINGS, Sequence, where)
                found += expect_all(made, where, made.value, Signs)
        return tuple(found)

    def session(self, executor: str, session: Executor) -> Offer[Executor]:
        """The session under the plugin that offers the executor of that name, if there is one."""
        offer = self._index.get(("executor", executor), Offer(None, GIVEN))
        return Offer(session, offer.plugin, offer.distribution)

    def describe(self) -> tuple[PluginInfo, ...]:
        """Every plugin, the broken and the blocked too, by name. Never fails on account of a plugin."""
        blocked = self._all_blocked
        infos = [self._info(found) for found in self._plugins]
        unknown = blocked - {info.name for info in infos}
        infos += [PluginInfo(name, state="blocked", error="blocked, but no plugin has this name") for name in unknown]
        return tuple(sorted(infos, key=lambda info: (info.name, info.distribution, info.version)))

    def errors(self) -> tuple[TrekError, ...]:
        """What is wrong with each broken plugin."""
        return tuple(found.error for found in self._plugins if found.error)

    # ----------------------------------------------------------------------- looking up
    @cached_property
    def _index(self) -> dict[tuple[str, str], Offer[Any]]:
        for error in self.errors():
            raise error.with_traceback(None)
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
        msg = f"{subject}{nearest(name, known)} On offer: {_join(known)}.{blocked}\n{self._advice(space, name)}"
        raise ConfigError(msg)

    def _advice(self, space: str, name: str) -> str:
        if self._entry_points and all(found.given for found in self._plugins):
            return NOT_INSTALLED
        other = {"layout": "store", "store": "layout"}.get(space, "")
        if (other, name) in self._index:
            return (
                f"There is a {other} of that name, and a format needs both. Name the {other} alone: {other} = {name!r}."
            )
        return "Correct the name, or install the plugin that offers it: `trek plugins` lists what is there."

    def _create(self, offer: Offer[Provider[T]], given: Mapping[str, object], wanted: type, where: str) -> Offer[T]:
        settings = self._settings(offer, given, where)
        with blame(offer, f"creating {where}"):
            value = offer.value.create(settings)
        expect(offer, f"creating {where}", value, wanted)
        return Offer(value, offer.plugin, offer.distribution)

    def _settings(self, offer: Offer[Any], given: Mapping[str, object], where: str) -> Any:
        with blame(offer, f"settings of {where}"):
            with suppress(TypeError, ValueError, ConfigError):  # what they say is said better below
                if not given:
                    return offer.value.settings()
            from trek_core._table import make_settings  # noqa: PLC0415 - typing's machinery with it

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
    def _manager(self) -> Manager:
        from trek_core._manager import Manager  # noqa: PLC0415 - pluggy, for plugins that trek does not bring

        return Manager()

    @cached_property
    def _plugins(self) -> tuple[Found, ...]:
        _trace.look()
        with uncollected():
            plugins = tuple(self._find())
            for found in plugins:
                if found.plugin in self._all_blocked:
                    _trace.note(found, "blocked")
                    continue
                try:
                    self._load(found, plugins)
                except TrekError as error:
                    found.error = _found.closed(found, error)
        return plugins

    def _find(self) -> Iterator[Found]:
        for plugin in self._given:
            yield (found := _found.given(plugin))
            _trace.note(found, "given")
        if self._entry_points:
            for point in sorted(entry_points(PROJECT), key=_ours_first):
                yield (found := _found.installed(point))
                _trace.note(found, f"found {point.value}")

    def _load(self, found: Found, plugins: tuple[Found, ...]) -> None:
        plugin = _found.imported(found)
        twin = next((other for other in plugins if other.given and other.get() is plugin), None)
        if twin and not found.given:  # the caller gave by hand what is installed as well: one plugin, not two
            found.twin = f"the same as plugin {twin.plugin!r}"
            _trace.note(found, found.twin)
            return
        if twin := next((other for other in plugins if other.registered is plugin), None):
            _found.refuse_twin(found, twin.plugin)
        _found.refuse_second(found, next(other for other in plugins if other.plugin == found.plugin))
        hooks = _found.hooks(plugin) if found.ours else self._manager.hooks(found, plugin)
        found.registered = plugin
        for hook, function in hooks:
            self._collect(found, hook, function)

    def _collect(self, found: Found, hook: str, function: Callable[[], object]) -> None:
        found.hooks.append(hook)
        for value in drain(found.offer(None), hook, function, known=found.ours):
            offer = found.offer(value)
            for space, key in keys(hook, value):
                other = self._offers.setdefault((space, key), offer)
                if other is not offer:
                    raise conflict(offer, f"hook {hook}", f"the {space} {key!r}", other)
            found.offers.append((hook, value))
            if _trace.Switch.on:
                _trace.note(found, f"offers {described(hook, value)}")

    def _info(self, found: Found) -> PluginInfo:
        return PluginInfo(
            found.plugin,
            found.project,
            found.version,
            "blocked" if found.plugin in self._all_blocked else "broken" if found.error else "works",
            tuple(sorted(set(found.hooks))),
            tuple(sorted([*filter(None, [found.twin]), *(described(*offer) for offer in found.offers)])),
            str(found.error) if found.error else "",
        )


def _ours_first(point: Point) -> tuple[bool, str, str]:
    """Nothing depends on the order but who is said to have come second: of what is installed, never what trek brings."""
    return point.project != _found.DISTRIBUTION, point.name, point.value


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


NOT_INSTALLED = """\
No plugin is installed, those of trek neither: no distribution here has an entry point of the group "trek". That is so in
frozen applications and in source trees that were never installed. Give the plugins by hand:
    import trek_asyncpg.plugin, trek_loaders.native, trek_loaders.python, trek_loaders.sql
    plugins=[trek_loaders.sql, trek_loaders.python, trek_loaders.native, trek_asyncpg.plugin]"""
