"""The format `asyncpg-trek`: folders and history tables of that tool, so that both can take turns on one database.

Files are edges `YYYYMMDD_<from>_(up|down)_<to>.(sql|py)` between revisions, starting at `initial`. The history is the
append-only table `migrations` in the schema `public` or the one of the settings; the to_revision of its highest id is
where the database stands. What differs from the tool: each migration is a transaction of its own, a `.sql` that
refuses a transaction block runs outside one, and files that the tool skips in silence are errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Layout, NoSettings, Provider, VersionStore, dataclass, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "asyncpg-trek"


@dataclass(frozen=True, slots=True)
class AsyncpgTrekSettings:
    """schema: where the table is; None is the tool's default, `public`. Migrations themselves do not see it."""

    schema: str | None = None


def _new_layout(_: NoSettings) -> Layout:
    from trek_loaders.formats.asyncpg_trek._layout import make_layout  # noqa: PLC0415 - on offer in every run, seldom wanted

    return make_layout()


def _new_store(settings: AsyncpgTrekSettings) -> VersionStore:
    from trek_loaders.formats.asyncpg_trek._store import make_store  # noqa: PLC0415 - as above

    return make_store(settings)


@hookimpl
def trek_register_layouts() -> Iterable[Provider[Layout]]:
    """The folder."""
    return (Provider(NAME, _new_layout),)


@hookimpl
def trek_register_version_stores() -> Iterable[Provider[VersionStore]]:
    """The table."""
    return (Provider(NAME, _new_store, AsyncpgTrekSettings),)
