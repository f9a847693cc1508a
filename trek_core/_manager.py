"""pluggy's manager: plugins that trek does not bring are registered with it, and looked at closely before.

Imported when there is one: what trek brings is known to be right, by a test that registers it here.
"""

from __future__ import annotations

import inspect
import re
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from trek_core._blame import Offer, blame, shown
from trek_core._hooks import HOOKS, PROJECT, Marker, TrekHooks
from trek_core.errors import PluginContractError
from trek_core.text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from trek_core._found import Found


class Manager(pluggy.PluginManager):
    """Looks into modules in a glance: most of their names are no functions, and most functions have no mark."""

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self.add_hookspecs(TrekHooks)

    def hooks(self, found: Found, plugin: object) -> list[tuple[str, Callable[[], object]]]:
        """Registers the plugin; gives its hooks. Raises `PluginContractError` for what pluggy takes in silence or refuses."""
        offer = found.offer(plugin)
        with blame(offer, "registering"):
            _check_object(offer)
            _check_marked(self, offer)
            try:
                self.register(plugin, found.plugin)
                self.check_pending()
            except pluggy.PluginValidationError as error:
                problem = f"{str(error).splitlines()[-1]}: hooks of trek take no arguments"
                raise PluginContractError(found.plugin, found.distribution, "registering", problem) from error
        return [
            (caller.name, implementation.function)
            for caller in self.get_hookcallers(plugin) or ()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is plugin
        ]

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
    Marker,
    pluggy.HookimplMarker,
    ModuleSpec,
    ModuleType,
}


# --------------------------------------------------------------------------- what must be right before
def _check_object(plugin: Offer[object]) -> None:
    """Refuses what pluggy would take in silence: a class, and a hook without its mark. Raises `PluginContractError`."""
    if inspect.isclass(plugin.value):
        _refuse(plugin, f"{shown(plugin.value)} is registered, want an instance of it: {plugin.value.__name__}()")
    for name in dir(plugin.value):
        if name.startswith("trek_") and _lacks_mark(plugin.value, name):
            advice = "decorate it with @hookimpl" if name in HOOKS else "no hook has this name." + _right_name(name)
            _refuse(plugin, f"{name} lacks @hookimpl and would never be called: {advice}")


def _check_hookimpl(plugin: Offer[object], name: str, options: dict[str, Any]) -> None:
    """Refuses a misspelled hook and every option that has no meaning for hooks that only register."""
    if name not in HOOKS:
        _refuse(plugin, f"no hook is named {name!r}.{_right_name(name)}")
    for option in ("optionalhook", "wrapper", "hookwrapper"):
        if options.get(option):
            _refuse(plugin, f"{name} is marked {option}=True: hooks of trek only register, write a plain @hookimpl")


def _lacks_mark(plugin: object, name: str) -> bool:
    static = inspect.getattr_static(plugin, name)
    function = getattr(static, "__func__", static)
    if not inspect.isroutine(function) or hasattr(function, "trek_impl"):
        return False
    ours = function is inspect.getattr_static(TrekHooks, name, None)
    return not ours and (name.startswith("trek_register") or _resembles_a_hook(name))


def _resembles_a_hook(name: str) -> bool:
    import difflib  # noqa: PLC0415 - for a mistake, and for nobody else

    return bool(difflib.get_close_matches(name, HOOKS, 1, 0.8))


def _right_name(name: str) -> str:
    return nearest(name, HOOKS) + f" Hooks: {', '.join(HOOKS)}"


def _refuse(plugin: Offer[object], problem: str) -> None:
    raise PluginContractError(plugin.plugin, plugin.distribution, "registering", problem)


def _check_marked(manager: Manager, offer: Offer[Any]) -> None:
    plugin = offer.value
    marked = {name: options for name in dir(plugin) if (options := manager.parse_hookimpl_opts(plugin, name))}
    for name, options in marked.items():
        _check_hookimpl(offer, options.get("specname") or name, dict(options))
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
