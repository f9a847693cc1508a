"""`dataclass`, `field` and `replace` of the library, for classes with slots, at a tenth of what a class costs to make.

The library's writes and compiles six methods a class, a millisecond each class: more than half of a run that finds nothing to
do. Here `__init__` is compiled when a class turns out to have many objects, and the other methods are the same functions for
all classes. To type checkers it is the library's, and `fields`, `asdict`, `signature`, copy, pickle and match work as with it.
Not here: classes without slots, ClassVar, InitVar, order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NoReturn, cast

_NOTHING: Any = object()
_SPEC = "__trek_dataclass__"


class _Field:
    """What is said of a field."""

    __slots__ = ("compare", "default", "default_factory", "repr")

    def __init__(
        self,
        default: Any = _NOTHING,
        default_factory: Any = _NOTHING,
        repr: bool = True,  # noqa: A002 - the library's names
        compare: bool = True,
    ) -> None:
        self.default, self.default_factory, self.repr, self.compare = default, default_factory, repr, compare


def _replace(instance: Any, /, **changes: Any) -> Any:
    kind = type(instance)
    if (spec := getattr(kind, _SPEC, None)) is None:
        import dataclasses  # noqa: PLC0415 - the library is imported when it is wanted

        return dataclasses.replace(instance, **changes)
    kept = {name: getattr(instance, name) for name in spec.fields if name not in changes}
    return kind(**kept, **changes)


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = True, kw_only: bool = False) -> Any:  # noqa: ARG001
    return (lambda plain: _make(plain, frozen, kw_only)) if cls is None else _make(cls, frozen, kw_only)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - for other modules
    from dataclasses import field as field  # noqa: PLC0414
    from dataclasses import replace as replace  # noqa: PLC0414
else:
    dataclass, field, replace = _dataclass, _Field, _replace


class _Spec:
    """What was said of a class: its fields, those it inherits first. `given`: a default, a `_Field`, or neither."""

    __slots__ = ("_fields", "_key", "_twin", "frozen", "given", "kw_only", "made", "plain")

    def __init__(self, plain: type, given: Mapping[str, Any], frozen: bool, kw_only: bool) -> None:
        self.plain, self.given, self.frozen, self.kw_only = plain, given, frozen, kw_only
        self.made: Any = plain
        self._fields: Mapping[str, _Field] | None = None
        self._key: Callable[[Any], Any] | None = None
        self._twin: Any = None

    @property
    def fields(self) -> Mapping[str, _Field]:
        """By their names."""
        if self._fields is None:
            self._fields = {name: one if isinstance(one, _Field) else _Field(one) for name, one in self.given.items()}
        return self._fields

    @property
    def key(self) -> Callable[[Any], Any]:
        """What two objects are compared by."""
        if self._key is None:
            names = [name for name, said in self.fields.items() if said.compare]
            self._key = attrgetter(*names) if names else _no_key
        return self._key

    @property
    def twin(self) -> Any:
        """The class as the library makes it."""
        if self._twin is None:
            import dataclasses  # noqa: PLC0415 - as above

            space: dict[str, Any] = {"__module__": self.plain.__module__, "__annotations__": _annotations(self)}
            for name, said in self.fields.items():
                given = {key: value for key in _Field.__slots__ if (value := getattr(said, key)) is not _NOTHING}
                space[name] = dataclasses.field(**given)
            kind = type(self.plain.__name__, (), space)
            self._twin = dataclasses.dataclass(frozen=self.frozen, kw_only=self.kw_only)(kind)
        return self._twin


def _make(cls: type, frozen: bool, kw_only: bool) -> Any:
    """The class again, with slots and methods."""
    space = _SHARED[frozen] | vars(cls)
    for name in ("__dict__", "__weakref__"):
        space.pop(name, None)
    own = {name: space.pop(name, _NOTHING) for name in cls.__annotations__}
    given: dict[str, Any] = {}
    for base in cls.__bases__:
        if (inherited := getattr(base, _SPEC, None)) is not None:
            given |= inherited.given
    given |= own
    _check(cls, given, kw_only)
    space[_SPEC] = spec = _Spec(cls, given, frozen, kw_only)
    space["__slots__"], space["__match_args__"] = tuple(own), () if kw_only else tuple(given)
    made = spec.made = cast("Any", type(cls)(cls.__name__, cls.__bases__, space))
    made.__qualname__ = cls.__qualname__
    return made


def _check(cls: type, given: Mapping[str, Any], kw_only: bool) -> None:
    """Refuses what the library refuses, and what only it knows: else objects would be wrong in silence."""
    last = ""  # the one before, if it has a default
    for name, said in given.items():
        default, factory = (said.default, said.default_factory) if isinstance(said, _Field) else (said, _NOTHING)
        if type(default).__hash__ is None:
            msg = (
                f"{cls.__name__}.{name}: all objects would share the default {default!r}: say field(default_factory=…)"
            )
            raise ValueError(msg)
        if default is not _NOTHING or factory is not _NOTHING:
            last = name
        elif last and not kw_only:
            msg = f"{cls.__name__}.{name} has no default, and follows {last}, which has one"
            raise TypeError(msg)
    for name, kind in cls.__annotations__.items():
        if "ClassVar" in (said := str(kind)) or "InitVar" in said:
            msg = f"{cls.__name__}.{name} is {kind}: this dataclass knows only fields, take that of the library"
            raise TypeError(msg)


def _annotations(spec: _Spec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in reversed(spec.made.__mro__):
        found |= {name: said for name, said in getattr(kind, "__annotations__", {}).items() if name in spec.fields}
    return {name: found[name] for name in spec.fields}


# --------------------------------------------------------------------------- __init__
_FEW = 128  # until then a compiled one saves less time than it takes


def _uncompiled(spec: _Spec) -> Any:
    """For the first objects: most classes have no more. A call that is wrong is told best by a compiled one."""
    made, after, size = spec.made, hasattr(spec.made, "__post_init__"), len(spec.fields)
    put = {name: getattr(made, name).__set__ for name in spec.fields}
    plain = {name: said.default for name, said in spec.fields.items() if said.default is not _NOTHING}
    others = [(name, new) for name, said in spec.fields.items() if (new := said.default_factory) is not _NOTHING]
    places, objects = () if spec.kw_only else tuple(spec.fields), 0

    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807
        nonlocal objects
        objects += 1
        values = {**plain, **dict(zip(places, given)), **named} if given else {**plain, **named}  # noqa: B905 - as below
        for name, new in others:
            if name not in values:
                values[name] = new()
        whole = len(values) == size and len(given) <= len(places) and named.keys().isdisjoint(places[: len(given)])
        if objects > _FEW or not whole or not values.keys() <= put.keys():
            made.__init__ = _compiled(spec)
            made.__init__(self, *given, **named)
            return
        for name, value in values.items():
            put[name](self, value)
        if after:
            self.__post_init__()

    return __init__


def _compiled(spec: _Spec) -> Any:
    """Its own names begin with underscores, as no field's do."""
    made, known = spec.made, {"__nothing": _NOTHING}
    arguments, values = ["self", "*"] if spec.kw_only and spec.fields else ["self"], {}
    for name, said in spec.fields.items():
        known |= {
            f"__set_{name}": getattr(made, name).__set__,
            f"__default_{name}": said.default,
            f"__new_{name}": said.default_factory,
        }
        factory = said.default_factory is not _NOTHING
        default = "=__nothing" if factory else "" if said.default is _NOTHING else f"=__default_{name}"
        arguments.append(name + default)
        values[name] = f"__new_{name}() if {name} is __nothing else {name}" if factory else name
    lines = _frozen_lines(made, values, known) if spec.frozen else _plain_lines(values)
    if hasattr(made, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(arguments)}):\n  " + "\n  ".join(lines), known)  # noqa: S102 - as the library does
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    return known["__init__"]


def _plain_lines(values: Mapping[str, str]) -> list[str]:
    return ["pass", *(f"self.{name} = {value}" for name, value in values.items())]


def _frozen_lines(made: type, values: Mapping[str, str], known: dict[str, Any]) -> list[str]:
    """The slots' own setters pass by `__setattr__`, and are quicker than `object.__setattr__`.

    With many fields it takes half as long to be an object of a class that lets itself be changed, until all of them are set.
    """
    setters = ["pass", *(f"__set_{name}(self, {value})" for name, value in values.items())]
    if len(values) < _MANY or made.__bases__ != (object,):
        return setters
    known |= {"__made": made, "__Open": type("Open", (), {"__slots__": tuple(values)}), "__become": _BECOME}
    plain = ["__become(self, __Open)", *_plain_lines(values), "self.__class__ = __made"]
    inherited = "  " + "\n    ".join(setters)
    return ["if self.__class__ is __made:", "  " + "\n    ".join(plain), "else:", inherited]


_MANY = 6
_BECOME = vars(object)["__class__"].__set__


# --------------------------------------------------------------------------- the other methods
def _first(self: Any, *given: Any, **named: Any) -> None:
    """`__init__` until there is an object: many classes never have one."""
    spec = getattr(self, _SPEC)
    spec.made.__init__ = _uncompiled(spec)
    spec.made.__init__(self, *given, **named)


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    key = getattr(self, _SPEC).key
    return key(self) == key(other)


def _hash(self: Any) -> int:
    return hash(getattr(self, _SPEC).key(self))


def _no_key(_: object) -> tuple[()]:
    return ()


@recursive_repr()
def _repr(self: Any) -> str:
    shown = [name for name, said in getattr(self, _SPEC).fields.items() if said.repr]
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse(self: Any, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - as above

    msg = f"cannot change {name!r} of {type(self).__name__}"
    raise FrozenInstanceError(msg)


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _SPEC).fields]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _SPEC).fields, state, strict=True):
        object.__setattr__(self, name, value)


class _Lazy:
    """What only introspection asks for, of the class as the library makes it."""

    def __init__(self, get: Callable[[Any], Any]) -> None:
        self.get = get

    def __get__(self, instance: object, owner: type) -> Any:
        return self.get(getattr(owner, _SPEC).twin)


def _signature(twin: type) -> Any:
    import inspect  # noqa: PLC0415 - as above

    return inspect.signature(twin)


_METHODS = {
    "__init__": _first,
    "__eq__": _eq,
    "__repr__": _repr,
    "__replace__": _replace,
    "__dataclass_fields__": _Lazy(attrgetter("__dataclass_fields__")),
    "__dataclass_params__": _Lazy(attrgetter("__dataclass_params__")),
    "__signature__": _Lazy(_signature),
}
_FROZEN = {
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
_SHARED: dict[bool, dict[str, Any]] = {True: _METHODS | _FROZEN, False: _METHODS | {"__hash__": None}}
