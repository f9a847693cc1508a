"""`dataclass`, `field` and `replace` of the library, for classes with slots, at a tenth of what a class costs to make.

The library's writes and compiles six methods a class, a millisecond each class: more than half of a run that finds nothing to
do. Here `__init__` is compiled when the first object is made, and the other methods are the same functions for all classes.
To type checkers it is the library's, and `fields`, `asdict`, `signature`, copy, pickle and match work as with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

_NOTHING: Any = object()


class _Field(NamedTuple):
    """What is said of a field."""

    default: Any = _NOTHING
    default_factory: Any = _NOTHING
    repr: bool = True
    compare: bool = True


def _replace(instance: Any, /, **changes: Any) -> Any:
    return type(instance)(**{name: getattr(instance, name) for name in type(instance).__slots__} | changes)


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = True, kw_only: bool = False) -> Any:  # noqa: ARG001
    return (lambda plain: _make(plain, frozen, kw_only)) if cls is None else _make(cls, frozen, kw_only)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - for other modules
    from dataclasses import field as field  # noqa: PLC0414
    from dataclasses import replace as replace  # noqa: PLC0414
else:
    dataclass, field, replace = _dataclass, _Field, _replace


def _make(cls: type, frozen: bool, kw_only: bool) -> type:
    """The class again, with slots and methods."""
    space = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    fields = {name: _said(space.pop(name, _NOTHING)) for name in cls.__annotations__}
    space["__slots__"], space["__match_args__"] = tuple(fields), () if kw_only else tuple(fields)
    for name, method in _methods(fields, frozen).items():
        space.setdefault(name, method)
    twin = cache(lambda: _twin(cls, fields, frozen, kw_only))
    space["__dataclass_fields__"] = _Lazy(lambda: twin().__dataclass_fields__)
    space["__dataclass_params__"] = _Lazy(lambda: twin().__dataclass_params__)
    space["__signature__"] = _Lazy(lambda: _signature(twin()))
    made: Any = type(cls)(cls.__name__, cls.__bases__, space)
    made.__qualname__ = cls.__qualname__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - until the first object is made
        made.__init__ = _compiled(made, fields, frozen, kw_only)
        made.__init__(self, *args, **kwargs)

    made.__init__ = __init__
    return made  # type: ignore[no-any-return]


def _said(value: Any) -> _Field:
    return value if isinstance(value, _Field) else _Field(value)


def _compiled(made: type, fields: Mapping[str, _Field], frozen: bool, kw_only: bool) -> Any:
    """`__init__`."""
    known: dict[str, Any] = {"nothing": _NOTHING}
    arguments, values = ["self", "*"] if kw_only and fields else ["self"], {}
    for name, said in fields.items():
        known |= {
            f"set_{name}": vars(made)[name].__set__,
            f"default_{name}": said.default,
            f"new_{name}": said.default_factory,
        }
        factory = said.default_factory is not _NOTHING
        default = "=nothing" if factory else "" if said.default is _NOTHING else f"=default_{name}"
        arguments.append(name + default)
        values[name] = f"new_{name}() if {name} is nothing else {name}" if factory else name
    lines = _frozen_lines(made, values, known) if frozen else _plain_lines(values)
    exec(f"def __init__({', '.join(arguments)}):\n  " + "\n  ".join(lines), known)  # noqa: S102 - as the library does
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    return known["__init__"]


def _plain_lines(values: Mapping[str, str]) -> list[str]:
    return ["pass", *(f"self.{name} = {value}" for name, value in values.items())]


def _frozen_lines(made: type, values: Mapping[str, str], known: dict[str, Any]) -> list[str]:
    """The slots' own setters pass by `__setattr__`, and are quicker than `object.__setattr__`.

    With many fields it takes half as long to be an object of a class that lets itself be changed, until all of them are set.
    """
    setters = ["pass", *(f"set_{name}(self, {value})" for name, value in values.items())]
    if len(values) < _MANY or made.__bases__ != (object,):
        return setters
    known |= {"made": made, "Open": type("Open", (), {"__slots__": tuple(values)}), "become": _BECOME}
    plain = ["become(self, Open)", *_plain_lines(values), "self.__class__ = made"]
    inherited = "  " + "\n    ".join(setters)
    return ["if self.__class__ is made:", "  " + "\n    ".join(plain), "else:", inherited]


_MANY = 6
_BECOME = vars(object)["__class__"].__set__


def _methods(fields: Mapping[str, _Field], frozen: bool) -> dict[str, Any]:
    key = _getter([name for name, said in fields.items() if said.compare])
    shown = [name for name, said in fields.items() if said.repr]

    @recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(key(self))

    methods = {
        "__repr__": __repr__,
        "__eq__": __eq__,
        "__hash__": __hash__ if frozen else None,
        "__replace__": _replace,
    }
    return methods | _FROZEN if frozen else methods


def _getter(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda instance: ()


def _refuse(self: Any, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - the library is imported when it is wanted

    msg = f"cannot change {name!r} of {type(self).__name__}"
    raise FrozenInstanceError(msg)


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN = {"__setattr__": _refuse, "__delattr__": _refuse, "__getstate__": _state, "__setstate__": _set_state}


class _Lazy:
    """What only introspection asks for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __get__(self, instance: object, owner: type) -> Any:
        return self.make()


def _twin(cls: type, fields: Mapping[str, _Field], frozen: bool, kw_only: bool) -> Any:
    """The class as the library makes it."""
    import dataclasses  # noqa: PLC0415

    space: dict[str, Any] = {"__annotations__": cls.__annotations__, "__module__": cls.__module__}
    for name, said in fields.items():
        given = {key: value for key, value in said._asdict().items() if value is not _NOTHING}
        space[name] = dataclasses.field(**given)
    return dataclasses.dataclass(frozen=frozen, kw_only=kw_only)(type(cls.__name__, (), space))


def _signature(twin: type) -> Any:
    import inspect  # noqa: PLC0415

    return inspect.signature(twin)
