"""Templates with the shop's own values, which are read once, while the plugin is imported: `load` does no I/O."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trek_core.plugin import Body, Call, Loader, LoadError, Script, Source, decode, hookimpl
from trek_loaders import sql

VALUES = tomllib.loads((files(__package__) / "values.toml").read_text(encoding="utf-8"))
ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


@hookimpl
def trek_register_loaders() -> Iterator[Loader]:
    yield Loader("shop-j2", (".sql.j2",), load)


def load(source: Source) -> Script:
    """The script of what the template gives. Raises `LoadError`."""
    file, text = str(source.file), decode(source)
    last = text.count("\n") + 1
    try:
        rendered = ENVIRONMENT.from_string(text).render(VALUES).encode()
    except Exception as error:  # a template can raise anything
        advice = f"Values of the shop: {', '.join(VALUES)}."
        raise LoadError(file, getattr(error, "lineno", None), f"{type(error).__name__}: {error}", advice) from error
    try:
        script = sql.load(replace(source, content=rendered))
    except LoadError as error:
        line = error.line and min(error.line, last)
        raise LoadError(file, line, error.problem, error.advice) from error
    return replace(script, up=_within(script.up, last), down=_within(script.down, last))


def _within(body: Body | None, last: int) -> Body | None:
    """A loop gives more lines than the file has."""
    if body is None:
        return None
    lines = (s if isinstance(s, Call) else replace(s, line=min(s.line, last)) for s in body.statements)
    return replace(body, statements=tuple(lines))
