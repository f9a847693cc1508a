"""Whose fault it is: what a plugin offers travels with the plugin's name, and what it raises is reported under it."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from types import NoneType, TracebackType, UnionType
from typing import Any, Generic, NoReturn, TypeVar, get_args

from trek_core import _trace
from trek_core._dataclass import dataclass
from trek_core._trace import raised as raised  # noqa: PLC0414 - a word of blame as well
from trek_core.errors import PluginContractError, PluginError, TrekError
from trek_core.text import without_password

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
GIVEN = "(given)"  # stands for the plugin of an object that the caller made


@dataclass(frozen=True, slots=True)
class Offer(Generic[T_co]):
    """An object of a plugin, and where it came from: `distribution` is "name version", "" for one given by hand."""

    value: T_co
    plugin: str
    distribution: str = ""


class blame:  # noqa: N801 - a verb: `with blame(store, "VersionStore.query"):`
    """Turns what a plugin raises into a `PluginError` naming plugin, distribution and `where`.

    Errors of the class `through` pass as they are, and so does all that is no `Exception` (cancellation, Ctrl-C).
    secret: a DSN, which is shown without its password; the cause may hold it too, and is left out.
    """

    __slots__ = ("_call", "_offer", "_secret", "_through", "_where")

    def __init__(
        self, source: Offer[Any] | str, where: str, through: type[TrekError] = TrekError, *, secret: str = ""
    ) -> None:
        self._offer = source if isinstance(source, Offer) else Offer(None, source)
        self._where, self._through, self._secret = where, through, secret

    def __enter__(self) -> None:
        self._call = _trace.call(self._offer, self._where, self._secret) if _trace.Switch.on else None
        if self._call:
            self._call.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._call:
            self._call.__exit__(kind, error, traceback)
        if not isinstance(error, Exception) or isinstance(error, self._through):
            return
        offer = self._offer
        problem = without_password(raised(error), self._secret) + _whom_to_tell(offer.plugin) + way_out(offer.plugin)
        cause = None if self._secret else error
        raise PluginError(offer.plugin, offer.distribution, self._where, problem) from cause


def call(
    offer: Offer[Any],
    where: Callable[[], str],
    function: Callable[..., T],
    *given: object,
    through: type[TrekError] = TrekError,
) -> T:
    """What the function gives, called within `blame`: the place is made a text where something is wrong, or is traced."""
    if _trace.Switch.on:
        with blame(offer, where(), through):
            return function(*given)
    try:
        return function(*given)
    except Exception:
        with blame(offer, where(), through):
            raise


def called(offer: Offer[Any], where: Callable[[S], str], function: Callable[[S], T], given: Sequence[S]) -> list[T]:
    """What the function gives for each, called within `blame`: for what is called ten thousand times, and raises nothing.

    where: the place that is named, of one of those that were given.
    """
    if _trace.Switch.on:
        return [_called(offer, where(one), function, one) for one in given]
    found: list[T] = []
    one: Any = None
    try:
        for one in given:
            found.append(function(one))  # a comprehension would not tell which one it was
    except Exception:
        with blame(offer, where(one)):
            raise
    return found


def _called(offer: Offer[Any], where: str, function: Callable[[S], T], one: S) -> T:
    with blame(offer, where):
        return function(one)


def _whom_to_tell(plugin: str) -> str:
    if plugin == GIVEN:
        return ""
    return "\nThat is a fault of the plugin. Tell its authors, with the traceback: TREK_TRACEBACK=1 shows it."


def way_out(plugin: str) -> str:
    """The line that says how to run without a plugin, with a line end in front; nothing for an object given by hand."""
    if plugin == GIVEN:
        return ""
    return f"\nTo run without it: --no-plugin {plugin}, or TREK_DISABLE_PLUGINS={plugin}"


def shown(value: object) -> str:
    """A value for a message: short, and safe although its `__repr__` is foreign code."""
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    for is_one, words in _RUNNING.items():
        if is_one(value):
            return words
    return reprlib.repr(value)


_RUNNING: dict[Callable[[object], bool], str] = {
    inspect.iscoroutine: "a coroutine",
    inspect.isasyncgen: "an async generator",
    inspect.isgenerator: "a generator",
}


def expect(offer: Offer[Any], where: str, value: object, wanted: type | UnionType) -> None:
    """Raises `PluginContractError` unless the value is an instance of `wanted`."""
    if isinstance(value, wanted):
        return
    name = _words(wanted)
    problem = f"gave {shown(value)}, want {name}"
    if inspect.iscoroutine(value):
        value.close()
        problem = f"gave a coroutine, want {name}: make it a plain function, def instead of async def"
    elif inspect.isclass(value) and issubclass(value, wanted):
        problem = f"gave {shown(value)}, want an instance of it: {value.__name__}(…)"
    breach(offer, where, problem)


_LISTED = (tuple, list)  # a union would be made anew for each call


def expect_all(offer: Offer[Any], where: str, values: object, wanted: type | UnionType) -> tuple[Any, ...]:
    """The values as a tuple. Raises `PluginContractError` unless it is a collection and each is an instance of `wanted`.

    A text is none: it would be taken for its letters.
    """
    if isinstance(values, _LISTED):
        found_all = tuple(values)
    elif isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        if inspect.iscoroutine(values):
            values.close()
        breach(offer, where, f"gave {shown(values)}, want a tuple of {_words(wanted)}")
    else:
        found_all = _drained(offer, where, values)
    if not all(map(isinstance, found_all, repeat(wanted))):
        for value in found_all:
            expect(offer, where, value, wanted)
    return found_all


def _drained(offer: Offer[Any], where: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """A generator's code runs here, and what it raises is its plugin's fault too."""
    with blame(offer, where):
        return tuple(values)


def breach(offer: Offer[Any], where: str, problem: str) -> NoReturn:
    """Raises the `PluginContractError` of that plugin."""
    raise PluginContractError(offer.plugin, offer.distribution, where, problem + way_out(offer.plugin))


def _words(wanted: type | UnionType) -> str:
    kinds = (wanted,) if isinstance(wanted, type) else get_args(wanted)
    *names, last = ["None" if kind is NoneType else kind.__name__ for kind in kinds]
    return f"{', '.join(names)} or {last}" if names else last
