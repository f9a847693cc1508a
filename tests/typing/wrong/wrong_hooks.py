"""Subclasses of `TrekHooks` whose hooks are not those of the door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from trek_core.plugin import Layout, Loader, Observer, Provider, Script, Source, TrekHooks, VersionStore, hookimpl


def load(source: Source) -> Script:
    return Script(None)


async def notify(event: object) -> None: ...


class WrongType(TrekHooks):
    @hookimpl
    def trek_register_loaders(self) -> Iterable[Observer]:  # error: mypy pyright
        yield Observer("loud", notify)

    @hookimpl
    def trek_register_observers(self) -> Observer:  # error: mypy pyright
        return Observer("loud", notify)


class WithArgument(TrekHooks):
    @hookimpl
    def trek_register_loaders(self, suffix: str) -> Iterable[Loader]:  # error: mypy pyright
        yield Loader("sqlx", (suffix,), load)


class WithoutSelf(TrekHooks):
    @hookimpl
    def trek_register_loaders() -> Iterable[Loader]:  # error: mypy pyright
        yield Loader("sqlx", (".sqlx",), load)


class Async(TrekHooks):
    @hookimpl
    async def trek_register_loaders(self) -> Iterable[Loader]:  # error: mypy pyright
        return [Loader("sqlx", (".sqlx",), load)]

    @hookimpl
    async def trek_register_observers(self) -> AsyncIterator[Observer]:  # error: mypy pyright
        yield Observer("loud", notify)


class Bare(TrekHooks):
    @hookimpl
    def trek_register_layouts(self) -> Iterable[Layout]:  # error: mypy pyright
        return ()

    @hookimpl
    def trek_register_version_stores(self) -> Iterable[type[VersionStore]]:  # error: mypy pyright
        return ()


class WrongValue(TrekHooks):
    @hookimpl
    def trek_register_loaders(self) -> Iterable[Loader]:
        yield Observer("loud", notify)  # error: mypy pyright

    @hookimpl
    def trek_register_layouts(self) -> Iterable[Provider[Layout]]:
        return [Loader("sqlx", (".sqlx",), load)]  # error: mypy pyright


@hookimpl(optional=True)  # error: mypy pyright
def trek_register_loaders() -> Iterable[Loader]:
    yield Loader("sqlx", (".sqlx",), load)
