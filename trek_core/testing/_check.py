"""That a distribution's plugin is found, loads, and gets on with everything installed beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from trek_core._host import PluginHost, PluginInfo
from trek_core.errors import PluginConflict, plugin_words
from trek_core.text import nearest


def check_plugin(name: str, *, offers: Iterable[str] = ()) -> PluginInfo:
    """Loads every installed plugin as trek does, and says how the one of that name came through.

    name: that of its entry point in the group "trek". offers: what it must offer, as `trek plugins` shows it, what stands in
    parentheses may be left out: "loader sqlx", "store shop". Raises `AssertionError` with trek's own message where the plugin
    cannot be imported or breaks a rule, or a name or a suffix of it is somebody else's; and where it is not installed, is
    blocked, offers nothing, or not what it must.
    """
    host = PluginHost()
    infos = host.describe()
    found = [info for info in infos if info.name == name and not _nobody(info)]
    if not found:
        raise AssertionError(_not_installed(name, [info.name for info in infos if not _nobody(info)]))
    for info in found:
        if info.error:
            raise AssertionError(info.error)
    for error in host.errors():  # the second of two that offer one name is told off, whoever it is
        if isinstance(error, PluginConflict) and error.other == name:
            raise AssertionError(str(error))
    _check_offers(found[0], tuple(offers))
    return found[0]


def _nobody(info: PluginInfo) -> bool:
    """A name that is blocked and that no plugin has."""
    return info.state == "blocked" and bool(info.error)


def _not_installed(name: str, known: list[str]) -> str:
    return (
        f"no entry point named {name!r} in the group trek.{nearest(name, known)} There are: {', '.join(known) or 'none'}.\n"
        "Is the distribution installed? `pip install -e .` beside its pyproject.toml, which says:\n"
        f'    [project.entry-points.trek]\n    {name} = "the.module"'
    )


def _check_offers(info: PluginInfo, wanted: tuple[str, ...]) -> None:
    who = plugin_words(info.name, f"{info.distribution} {info.version}")
    if info.state == "blocked":
        disabled = os.environ.get("TREK_DISABLE_PLUGINS", "")
        msg = f"{who} is blocked: TREK_DISABLE_PLUGINS is {disabled!r}. Take its name out to test it."
        raise AssertionError(msg)
    if not info.offers:
        msg = f"{who} offers nothing: its hooks ({', '.join(info.hooks)}) gave no object. Return or yield at least one."
        raise AssertionError(msg)
    short = [offer.partition(" (")[0] for offer in info.offers]
    for offer in wanted:
        if offer not in (*info.offers, *short):
            msg = f"{who} does not offer {offer!r}.{nearest(offer, short)} It offers: {', '.join(info.offers)}."
            raise AssertionError(msg)
