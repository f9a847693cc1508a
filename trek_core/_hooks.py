"""The hook specifications: one class is specification, documentation and typed base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from trek_core.contracts import ExecutorProvider, Layout, Loader, Observer, Provider, VersionStore

if TYPE_CHECKING:
    from trek_core._signs import Signs

PROJECT = "trek"


class Marker:
    """pluggy's marker of that name. A mark without options is set as pluggy sets it; with options pluggy itself is asked.

    To import pluggy takes as long as a hundred migrations that were applied: who has only trek's own plugins need not.
    """

    def __init__(self, name: str, attribute: str, **options: Any) -> None:
        self._name, self._attribute, self._options = name, f"{PROJECT}_{attribute}", options

    def __call__(self, function: Any = None, *given: Any, **options: Any) -> Any:
        if function is None or given or options:
            import pluggy  # noqa: PLC0415 - as above

            return getattr(pluggy, self._name)(PROJECT)(function, *given, **options)
        setattr(function, self._attribute, dict(self._options))
        return function


if TYPE_CHECKING:
    import pluggy

    hookspec = pluggy.HookspecMarker(PROJECT)
    hookimpl = pluggy.HookimplMarker(PROJECT)
else:
    hookspec = Marker(
        "HookspecMarker", "spec", firstresult=False, historic=False, warn_on_impl=None, warn_on_impl_args=None
    )
    hookimpl = Marker(
        "HookimplMarker",
        "impl",
        wrapper=False,
        hookwrapper=False,
        optionalhook=False,
        tryfirst=False,
        trylast=False,
        specname=None,
    )


class TrekHooks:
    """Every hook takes nothing, is collected from all plugins, and only registers.

    P1. A plugin is a module, or an instance of a subclass of `TrekHooks`, with functions marked `@hookimpl`.
    P2. trek calls every hook of every plugin once a `PluginHost`, without arguments, when the first object is wanted.
    P3. A hook returns or yields objects of its type, at least one unless something is missing that it needs; it has no other
        effect.
    P4. Names are unique among objects of a kind, suffixes among loaders, schemes among executors.
    P5. trek reports what a plugin raises under the plugin's name, distribution and version, and `TrekError`s as they are.
    P6. trek runs nothing while a plugin is broken, names the way out, and still lists it in `trek plugins`.
    """

    @hookspec
    def trek_register_layouts(self) -> Iterable[Provider[Layout]]:
        """Folder layouts, by name."""
        return ()

    @hookspec
    def trek_register_loaders(self) -> Iterable[Loader]:
        """Loaders; names and suffixes are unique."""
        return ()

    @hookspec
    def trek_register_version_stores(self) -> Iterable[Provider[VersionStore]]:
        """History tables, by name; a layout and a store of one name are a format."""
        return ()

    @hookspec
    def trek_register_executors(self) -> Iterable[ExecutorProvider]:
        """Executors; each DSN scheme is served by one."""
        return ()

    @hookspec
    def trek_register_observers(self) -> Iterable[Observer]:
        """Observers, told of every event of every run."""
        return ()

    @hookspec
    def trek_register_signs(self) -> Iterable[Provider[Sequence[Signs]]]:
        """By what `trek adopt` knows a tool; created only when it asks."""
        return ()


HOOKS = tuple(name for name in vars(TrekHooks) if name.startswith("trek_"))
