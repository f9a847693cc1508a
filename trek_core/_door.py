"""Doors that open what is asked for: a name's module is imported when somebody takes the name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import UnionType
from typing import Any


def door(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module: `homes` has the names of each module, with spaces between them.

    A run that finds nothing to do uses a third of the names, and each module costs as much as reading a migration.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def found(name: str) -> Any:
        if (home := home_of.get(name)) is None:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=sys.modules[package])
        module = import_module(home)
        value = module if home.rpartition(".")[2] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return found


class _Later:
    """A module that is imported when one of its names is taken; a function, class or union that was taken once is at hand."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        if callable(value) or isinstance(value, UnionType):
            setattr(self, name, value)
        return value


def later(*names: str) -> tuple[Any, ...]:
    """Modules of trek_core, by their names in it, for work that most runs find nothing of."""
    return tuple(_Later(f"trek_core.{name}") for name in names)
