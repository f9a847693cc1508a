"""What trek brings is registered without pluggy; registered with it, and looked at as closely as others, it is the same."""

from __future__ import annotations

import types
from dataclasses import replace

import pluggy
import pytest

from trek_core._entry_points import entry_points
from trek_core._found import DISTRIBUTION
from trek_core._hooks import TrekHooks, hookimpl, hookspec
from trek_core._host import PluginHost

OWN = [point for point in entry_points("trek") if point.project == DISTRIBUTION]


def test_each_plugin_that_trek_brings_is_right_and_offers_the_same_to_pluggy() -> None:
    known = {info.name: info for info in PluginHost().describe()}
    by_hand = PluginHost([(point.name, point.load()) for point in OWN], entry_points=False)
    assert by_hand.errors() == ()
    assert by_hand._manager.list_name_plugin() == [(point.name, point.load()) for point in OWN]
    assert {info.name for info in by_hand.describe()} == {point.name for point in OWN}
    for info in by_hand.describe():
        assert info == replace(known[info.name], distribution="", version="")


def test_a_plugin_that_trek_does_not_bring_is_registered_with_pluggy() -> None:
    mine = types.ModuleType("mine")
    mine.trek_register_loaders = hookimpl(lambda: ())  # type: ignore[attr-defined]
    host = PluginHost([mine])
    assert host.errors() == ()
    assert [name for name, _ in host._manager.list_name_plugin()] == ["mine"]


@pytest.mark.parametrize("options", [{}, {"specname": "trek_register_loaders"}, {"tryfirst": True}])
def test_a_hook_is_marked_as_pluggy_marks_it(options: dict[str, object]) -> None:
    ours, theirs = (lambda: ()), (lambda: ())
    assert (hookimpl(**options)(ours) if options else hookimpl(ours)) is ours
    pluggy.HookimplMarker("trek")(theirs, **options)  # type: ignore[arg-type]
    assert vars(ours) == vars(theirs)


def test_the_hooks_are_specified_as_pluggy_specifies_them() -> None:
    def hook() -> None: ...

    pluggy.HookspecMarker("trek")(hook)
    assert vars(hookspec(lambda: None)) == vars(hook)
    manager = pluggy.PluginManager("trek")
    manager.add_hookspecs(TrekHooks)
    assert manager.hook.trek_register_loaders() == []
