"""The loader of `.sql.j2` files: Jinja renders them, and the loader of `.sql` reads what comes out.

Needs the extra: `pip install 'trek-migrate[jinja]'`. Without it the loader is on offer all the same, so that a template
in the folder is an error that says so, and no file that is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from trek_core.plugin import Loader, Script, Source, hookimpl

if TYPE_CHECKING:
    import jinja2

NONE: Mapping[str, Any] = MappingProxyType({})


@hookimpl
def trek_register_loaders() -> Iterable[Loader]:
    """The loader of `.sql.j2`, without values: what a template may use is Jinja's own."""
    return [loader()]


def loader(
    values: Mapping[str, Any] = NONE,
    environment: jinja2.Environment | None = None,
    *,
    name: str = "jinja",
    suffixes: tuple[str, ...] = (".sql.j2",),
) -> Loader:
    """A loader of templates, for a plugin of one's own.

    values: names that templates may use. environment: one with filters, tests or globals of your own; without it a
    sandbox, in which an undefined name is an error and no template reads another file. Both must give the same text
    for the same file at every time, and do no I/O: it is the file that was hashed, not what became of it.
    """
    given = dict(values)

    def load(source: Source) -> Script:
        from trek_loaders._templates import load_template  # noqa: PLC0415 - few folders have one

        return load_template(source, given, environment)

    return Loader(name, suffixes, load)
