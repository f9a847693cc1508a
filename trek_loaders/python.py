"""The `python` loader: `async def upgrade(connection)` and `async def downgrade(connection)`.

It is on offer in every run: what reads files is imported when one is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trek_core.plugin import Call, Loader, Script, Source, hookimpl

if TYPE_CHECKING:
    from trek_loaders._directives import Directives


@hookimpl
def trek_register_loaders() -> Iterable[Loader]:
    """Offers the loader of `.py` files."""
    return (Loader("python", (".py",), load),)


def load(source: Source) -> Script:
    """The script of a `.py` file, without running a line of it. Raises `LoadError`."""
    from trek_loaders import _python  # noqa: PLC0415 - as above

    return _python.load(source)


def load_function(source: Source, name: str) -> Call:
    """The file's async function of that name as a `Call`, without running a line of it. Raises `LoadError`."""
    from trek_loaders import _python  # noqa: PLC0415 - as above

    return _python.load_function(source, name)


def read_constants(source: Source) -> Directives:
    """What the file's constants say (`no_transaction = True`), without running a line of it. Raises `LoadError`."""
    from trek_loaders import _python  # noqa: PLC0415 - as above

    return _python.read_constants(source)
