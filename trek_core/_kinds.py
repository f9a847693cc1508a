"""What each hook may offer: its type and its checks."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import Any

from trek_core._blame import Offer, blame, expect, shown
from trek_core._dataclass import dataclass
from trek_core.contracts import ExecutorProvider, Loader, Observer, Provider
from trek_core.errors import PluginConflict, PluginContractError, plugin_words


@dataclass(frozen=True, slots=True)
class Kind:
    """What one hook offers: the word for it, its type, and its checks: (field, is it right, what is wanted)."""

    word: str
    type: type
    checks: tuple[tuple[str, Callable[[Any], bool], str], ...]


def drain(source: Offer[object], hook: str, function: Callable[[], object], *, known: bool = False) -> list[Any]:
    """All that one hook of one plugin offers, checked; not what is known to be right, as a test knows of what trek brings.

    A generator runs in here, so that its errors are the plugin's too. Raises `PluginError`, `PluginContractError`.
    """
    kind, where = KINDS[hook], f"hook {hook}"
    with blame(source, where):
        result = function()
        if isinstance(result, kind.type) or not isinstance(result, Iterable):
            raise PluginContractError(source.plugin, source.distribution, where, _not_iterable(result, kind.type))
        values = list(result)
    for value in () if known else values:
        expect(source, where, value, kind.type)
        _check_fields(source, where, value, kind)
    return values


def keys(hook: str, value: Any) -> Iterator[tuple[str, str]]:
    """What only one plugin may offer: (kind of name, name)."""
    yield KINDS[hook].word, value.name
    if isinstance(value, Loader):
        yield from (("suffix", suffix) for suffix in dict.fromkeys(value.suffixes))
    if isinstance(value, ExecutorProvider):
        yield from (("scheme", scheme) for scheme in dict.fromkeys(map(str.lower, value.schemes)))


def described(hook: str, value: Any) -> str:
    """The offer as `trek plugins` shows it: "loader sql (.sql)"."""
    details = getattr(value, "suffixes", None) or getattr(value, "schemes", None)
    return f"{KINDS[hook].word} {value.name}" + (f" ({', '.join(details)})" if details else "")


def conflict(offer: Offer[Any], where: str, what: str, other: Offer[Any]) -> PluginConflict:
    """The error for a name that `other` has offered before."""
    problem = f"it offers {what} twice"
    if other.plugin != offer.plugin:
        way_out = f"Block one of them: --no-plugin {offer.plugin}, or --no-plugin {other.plugin}"
        problem = f"{what} is taken by {plugin_words(other.plugin, other.distribution)}\n{way_out}"
    return PluginConflict(offer.plugin, offer.distribution, where, problem, other.plugin)


def _not_iterable(result: object, wanted: type) -> str:
    one = isinstance(result, wanted) and isinstance(getattr(result, "name", None), str)
    found = f"the {wanted.__name__} {getattr(result, 'name', None)!r}" if one else shown(result)
    if inspect.iscoroutine(result):
        result.close()
    if inspect.iscoroutine(result) or isinstance(result, AsyncGenerator):
        return (
            f"gave {found}, want an iterable of {wanted.__name__}: hooks are plain functions, def instead of async def"
        )
    advice = "return or yield what it offers" if result is None else f"yield each {wanted.__name__}, or return a list"
    return f"gave {found}, want an iterable of {wanted.__name__}: {advice}"


def _check_fields(source: Offer[object], where: str, value: object, kind: Kind) -> None:
    for field, right, wanted in kind.checks:
        if not right(found := getattr(value, field)):
            name = getattr(value, "name", None)
            problem = f"gave {type(value).__name__} {shown(name)} with {field}={shown(found)}, want {wanted}"
            raise PluginContractError(source.plugin, source.distribution, where, problem)


def _texts(values: object, right: Callable[[str], bool]) -> bool:
    """Whether it is a tuple of at least one text, all of which fit."""
    if not isinstance(values, tuple) or not values:
        return False
    return all(isinstance(value, str) and right(value) for value in values)


# No patterns: to compile one takes as long as all these checks.
def _is_suffix(text: str) -> bool:
    return text.startswith(".") and len(text) > 1 and "\n" not in text


def _is_scheme(text: str) -> bool:
    return text.isascii() and text[:1].isalpha() and text.translate(_IN_SCHEMES).isalnum()


_IN_SCHEMES = str.maketrans("+.-", "000")
_NAME = ("name", lambda name: isinstance(name, str) and bool(name), "text that is not empty")
_SETTINGS = (
    "settings",
    lambda settings: (
        inspect.isclass(settings) and any("__dataclass_fields__" in vars(base) for base in settings.__mro__)
    ),
    "a dataclass, the class and not an instance",
)
_CREATE = ("create", callable, "something callable")
_SUFFIXES = ("suffixes", lambda found: _texts(found, _is_suffix), 'a tuple of texts with their dot: (".sql",)')
_SCHEMES = (
    "schemes",
    lambda found: _texts(found, _is_scheme),
    'a tuple of texts as they stand in front of the colon: ("postgresql",)',
)
_LOADER = (_NAME, _SUFFIXES, ("load", callable, "something callable"))
_EXECUTOR = (_NAME, _SCHEMES, ("connect", callable, "something callable"), _SETTINGS)
_OBSERVER = (_NAME, ("notify", callable, "something callable"))

KINDS = {
    "trek_register_layouts": Kind("layout", Provider, (_NAME, _CREATE, _SETTINGS)),
    "trek_register_loaders": Kind("loader", Loader, _LOADER),
    "trek_register_version_stores": Kind("store", Provider, (_NAME, _CREATE, _SETTINGS)),
    "trek_register_executors": Kind("executor", ExecutorProvider, _EXECUTOR),
    "trek_register_observers": Kind("observer", Observer, _OBSERVER),
    "trek_register_signs": Kind("signs", Provider, (_NAME, _CREATE, _SETTINGS)),
}
