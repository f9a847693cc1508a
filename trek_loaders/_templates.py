"""From a Jinja template to a script whose lines are the template's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from trek_core.plugin import Body, Copy, LoadError, Script, Source, Sql, Statement, decode, replace
from trek_loaders import sql
from trek_loaders._directives import read_directives

if TYPE_CHECKING:
    import jinja2

    from trek_loaders._jinja import Rendered

_OTHER_LINE = re.compile(r"(\bin line |^  line )(\d+)", re.MULTILINE)
"""How the loader of `.sql` names a second line in the text of an error."""


def load_template(source: Source, values: Mapping[str, Any], environment: jinja2.Environment | None) -> Script:
    """The script of what a template renders.

    Raises `LoadError` with the template's own line, for what Jinja refuses and for what the loader of `.sql` does.
    """
    file = str(source.file)
    try:
        from trek_loaders import _jinja  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        advice = "Install it: pip install 'trek-migrate[jinja]'"
        raise LoadError(file, None, "it is a Jinja template, and Jinja is not installed", advice) from error
    text = decode(source)
    rendered = _jinja.render(environment or _sandbox(), text, values, file)
    try:
        script = sql.load(Source(source.file, rendered.text.encode(), source.direction))
    except LoadError as error:
        raise _in_template(error, rendered) from error
    _check_directives(text, rendered, file)
    return replace(script, up=_body(script.up, rendered), down=_body(script.down, rendered))


@cache
def _sandbox() -> jinja2.Environment:
    from trek_loaders._jinja import sandbox  # noqa: PLC0415 - the extra may be missing

    return sandbox()


def _body(body: Body | None, rendered: Rendered) -> Body | None:
    """The body with the template's lines. Column and offset stay those of the text that came out."""
    if body is None:
        return None
    return replace(
        body,
        statements=tuple(_at(s, rendered) for s in body.statements),
    )


def _at(statement: Statement, rendered: Rendered) -> Statement:
    match statement:
        case Sql():
            return replace(statement, line=rendered.line_at(statement.offset))
        case Copy():
            first = rendered.line_of(statement.data_line)
            return replace(statement, line=rendered.line_at(statement.offset), data_line=first)
        case _:
            return statement


def _in_template(error: LoadError, rendered: Rendered) -> LoadError:
    """The same error with the template's lines, also those that its text names."""
    line = None if error.line is None else rendered.line_of(error.line)
    problem = _OTHER_LINE.sub(lambda found: f"{found[1]}{rendered.line_of(int(found[2]))}", error.problem)
    return LoadError(error.path, line, problem, error.advice)


def _check_directives(text: str, rendered: Rendered, file: str) -> None:
    """A layout reads `requires` and `replaces` from the file as it lies there: what it would not see is refused."""
    meant = read_directives(rendered.text, file)
    if meant.requires is None and not meant.replaces:
        return
    seen = read_directives(text, file)
    for name in ("requires", "replaces"):
        if getattr(seen, name) != getattr(meant, name):
            problem = (
                f"{name!r} stands where only Jinja sees it: the order of migrations is read from the file as it is"
            )
            raise LoadError(file, 1, problem, "Write it out as plain text, above the first tag of the template.")
