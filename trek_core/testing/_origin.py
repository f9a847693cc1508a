"""Who made what a suite is given, for its messages."""

from __future__ import annotations

import importlib.metadata
import inspect
from functools import partial

from trek_core._host import PluginHost
from trek_core.contracts import Layout, Loader, Observer
from trek_core.errors import TrekError, plugin_words


def origin(value: object) -> str:
    """The words "plugin 'x' (dist 1.2)" for what an installed plugin offers, else "module shop_sqlx".

    value: a loader, a layout, an observer, a store, an executor; an instance or its class.
    """
    if isinstance(value, Loader) and (offered := _offered(value)):
        return offered
    module = _module(value)
    points = importlib.metadata.entry_points(group="trek")
    if inside := [point for point in points if _within(module, point.module)]:
        return _words(max(inside, key=lambda point: len(point.module)))
    beside = [point for point in points if _within(module, point.module.rpartition(".")[0] or point.module)]
    return _words(beside[0]) if len(beside) == 1 else f"module {module}"  # shop.plugin offers what stands in shop.store


def _offered(loader: Loader) -> str:
    host = PluginHost()
    try:
        offers = [offer for suffix in loader.suffixes if (offer := host.loader_for(f"x{suffix}"))]
    except TrekError:  # some other plugin is broken: that is not what is asked here
        return ""
    for offer in offers:
        if offer.value.name == loader.name and offer.value.load is loader.load:
            return plugin_words(offer.plugin, offer.distribution)
    return ""


def _module(value: object) -> str:
    match value:
        case Loader():
            value = value.load
        case Layout():
            value = value.arrange
        case Observer():
            value = value.notify
    while isinstance(value, partial):
        value = value.func
    named = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
    return str(getattr(named, "__module__", "") or "(unknown)")


def _within(module: str, plugin: str) -> bool:
    return f"{module}.".startswith(f"{plugin}.")


def _words(point: importlib.metadata.EntryPoint) -> str:
    return plugin_words(point.name, f"{point.dist.name} {point.dist.version}" if point.dist else "")
