"""The loader of `.sql` files, which is on offer in every run: what reads them is imported when one is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from trek_core.plugin import Loader, Script, Source, hookimpl


@hookimpl
def trek_register_loaders() -> Iterable[Loader]:
    """The loader of `.sql`."""
    return [Loader("sql", (".sql",), load)]


def load(source: Source) -> Script:
    """The script of an SQL file. `source.direction` makes the whole content that direction.

    Raises `LoadError` for text that the splitter refuses, for directives that are wrong or out of place, and for
    statements that trek cannot run in the file's mode, or would lose its lock by.
    """
    if source.big:
        from trek_loaders._big import load_big  # noqa: PLC0415 - as below

        return load_big(source)
    if (script := _quickly()(source)) is not None:
        return script
    from trek_loaders import _sql  # noqa: PLC0415 - for whoever writes more than plain statements

    return _sql.load(source)


@cache
def _quickly() -> Callable[[Source], Script | None]:
    """Looked up once: a run of a thousand files would notice."""
    from trek_loaders._quick import load_quickly  # noqa: PLC0415 - as above

    return load_quickly
