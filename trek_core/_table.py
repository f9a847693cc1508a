"""A table of a configuration as an instance of a dataclass: its keys and types are checked, errors say what is right."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from trek_core.errors import ConfigError
from trek_core.text import nearest, redact_dsn

T = TypeVar("T")
SECRET = re.compile(r"dsn|pass|pwd|secret|token|key", re.IGNORECASE)
_LISTS: tuple[object, ...] = (list, tuple, Sequence)
_ACCEPTED: dict[object, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    types.NoneType: (types.NoneType,),
    dict: (Mapping,),
    Mapping: (Mapping,),
}
_WORDS: dict[object, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def make_settings(kind: type[T], given: Mapping[str, object], where: str) -> T:
    """An instance of the dataclass `kind` from a table. In keys a dash is as good as an underscore.

    Raises `ConfigError` for unknown, doubled and missing keys, and for values of another type than text, number, truth
    value, choice, list or table that the field wants. What the dataclass itself raises is not touched.
    """
    fields = {f.name: f for f in dataclasses.fields(cast("Any", kind)) if f.init}
    hints, values = _hints(kind), dict[str, object]()
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in fields:
            raise ConfigError(_unknown(key, fields, where))
        if name in values:
            msg = f"{where}: the key {dashed(name)!r} is there twice, with a dash and with an underscore: keep one"
            raise ConfigError(msg)
        values[name] = _fit(value, hints.get(name, Any), f"{where}: {dashed(name)}", name)
    missing = [dashed(name) for name, f in fields.items() if name not in values and _required(f)]
    if missing:
        msg = f"{where}: the key {missing[0]!r} is missing; needed are {', '.join(missing)}"
        raise ConfigError(msg)
    try:
        return kind(**values)
    except (ConfigError, ValueError) as error:  # ValueError is what a dataclass says elsewhere of a wrong value
        msg = f"{where}: {error}"
        raise ConfigError(msg) from error


def _unknown(key: str, fields: Mapping[str, object], where: str) -> str:
    known = sorted(map(dashed, fields))
    hint = nearest(dashed(key), known)
    return f"{where}: unknown key {key!r}.{hint} Known keys: {', '.join(known) or 'none, it takes no settings'}"


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def dashed(name: str) -> str:
    return name.replace("_", "-")


def _hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind)
    except Exception:  # noqa: BLE001 - names that only a type checker sees: then the plugin checks its values itself
        return {}


def _fit(value: object, hint: Any, where: str, name: str) -> object:
    if not _fits(value, hint):
        msg = f"{where} must be {wanted(hint)}, got {shown(name, value)}"
        raise ConfigError(msg)
    is_tuple = any(get_origin(one) is tuple for one in _alternatives(hint))
    return tuple(value) if is_tuple and isinstance(value, list) else value


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fits(value: object, hint: Any) -> bool:
    return any(_fits_one(value, option, get_origin(option) or option) for option in _alternatives(hint))


def _fits_one(value: object, hint: Any, origin: Any) -> bool:
    if origin is Literal:
        return any(value == word and type(value) is type(word) for word in get_args(hint))
    if origin in _LISTS:
        item = (get_args(hint) or (Any,))[0]
        return isinstance(value, list | tuple) and all(_fits(one, item) for one in value)
    accepted = _ACCEPTED.get(origin)
    if accepted is None:
        return True
    return isinstance(value, accepted) and (origin is bool or not isinstance(value, bool))


def wanted(hint: Any) -> str:
    return " or ".join(map(_word, (option for option in _alternatives(hint) if option is not types.NoneType)))


def _word(hint: Any) -> str:
    origin = get_origin(hint) or hint
    if origin is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if origin in _LISTS:
        item = (get_args(hint) or (Any,))[0]
        return f"a list of {_WORDS[item]}s".replace("texts", "text") if item in (str, int, float) else "a list"
    return _WORDS.get(origin, "a table" if origin in (dict, Mapping) else str(origin))


def shown(name: str, value: object) -> str:
    kinds = {dict: "a table", list: "a list", str: "text", bool: "true or false"}
    if isinstance(value, dict | list) or SECRET.search(name):
        return kinds.get(type(value), f"a value of type {type(value).__name__}")
    return repr(redact_dsn(value) if isinstance(value, str) else value)


def hidden(name: str, value: object) -> object:
    """The value of a key, without what may be a password."""
    if isinstance(value, Mapping):
        return {key: hidden(str(key), one) for key, one in value.items()}
    if isinstance(value, str):
        return "***" if SECRET.search(name) and name != "dsn" else redact_dsn(value)
    return value
