"""Providers: what is on offer under a name, and its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from trek_core._dataclass import dataclass
from trek_core.contracts._executor import Executor

T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class NoSettings:
    """A provider that takes no settings."""


@dataclass(frozen=True, slots=True)
class Provider(Generic[T_co]):
    """Offers a layout or a version store under a name.

    settings: a dataclass; its fields are the keys that the configuration may set, others are errors.
    create: makes the object from an instance of `settings`; called once a backend.
    """

    name: str
    create: Callable[[Any], T_co]
    settings: type = NoSettings

    if TYPE_CHECKING:  # the dataclass's own, and create must take what settings says

        @overload
        def __init__(self, name: str, create: Callable[[NoSettings], T_co]) -> None: ...
        @overload
        def __init__(self, name: str, create: Callable[[S], T_co], settings: type[S]) -> None: ...
        def __init__(self, name: str, create: Callable[[Any], T_co], settings: type = NoSettings) -> None: ...


@dataclass(frozen=True, slots=True)
class ExecutorProvider:
    """Offers an executor for DSNs of some schemes ("postgresql", "postgres", "embedded").

    connect: opens a session for a DSN and an instance of `settings`; closes it at the end. Raises `ConnectError`.
    """

    name: str
    schemes: tuple[str, ...]
    connect: Callable[[str, Any], AbstractAsyncContextManager[Executor]]
    settings: type = NoSettings

    if TYPE_CHECKING:  # the dataclass's own, and connect must take what settings says

        @overload
        def __init__(
            self,
            name: str,
            schemes: tuple[str, ...],
            connect: Callable[[str, NoSettings], AbstractAsyncContextManager[Executor]],
        ) -> None: ...
        @overload
        def __init__(
            self,
            name: str,
            schemes: tuple[str, ...],
            connect: Callable[[str, S], AbstractAsyncContextManager[Executor]],
            settings: type[S],
        ) -> None: ...
        def __init__(
            self,
            name: str,
            schemes: tuple[str, ...],
            connect: Callable[[str, Any], AbstractAsyncContextManager[Executor]],
            settings: type = NoSettings,
        ) -> None: ...
