"""Renders a template, and knows of every place in what comes out in which line of the template it was made.

Jinja gives no such map. So marks are put into the syntax tree in front of what is written out, and taken out of the
text again. What is captured first (a macro, a `{% call %}`, `{% filter %}` or `{% set %}` block, a recursive loop) holds
none, or the template could see them: its text has the line where it is written out.
"""

from __future__ import annotations

import re
import traceback
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trek_core.plugin import LoadError, dataclass

_MARK = re.compile("\0([0-9]{1,9})([+=])\0")  # a file holds no NUL, so none is its own
_LINE_END = re.compile(r"\r\n|\r|\n")  # as Jinja counts lines; to the rest of trek a lone CR ends none
_OTHER_FILES = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.Extends: "extends",
}


def sandbox() -> jinja2.Environment:
    """Where templates run unless an environment is given: no file, no way out, undefined names are errors, no chance."""
    made = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    del made.filters["random"]
    del made.globals["lipsum"]
    return made


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came out. `starts` are the offsets of its pieces, `pieces` their line and whether it rises in them."""

    text: str
    starts: list[int]
    pieces: list[tuple[int, bool]]
    lines: list[int]
    """The file's line of each line that Jinja counts, from 0."""

    def line_at(self, offset: int) -> int:
        """The template's line for a character of the text, from 1."""
        at = bisect_right(self.starts, offset) - 1
        if at < 0:
            return 1
        line, rises = self.pieces[at]
        line += self.text.count("\n", self.starts[at], offset) if rises else 0
        return self.lines[max(0, min(line, len(self.lines)) - 1)]

    def line_of(self, line: int) -> int:
        """The template's line for a line of the text, by its first character that is no space."""
        begin = 0
        for _ in range(line - 1):
            begin = self.text.find("\n", begin) + 1
        end = self.text.find("\n", begin)
        shown = self.text[begin : end if end >= 0 else None]
        return self.line_at(begin + len(shown) - len(shown.lstrip()))


def render(environment: jinja2.Environment, text: str, values: Mapping[str, Any], file: str) -> Rendered:
    """The template's text. Raises `LoadError`, whatever the template does."""
    lines = [1, *(text.count("\n", 0, end.end()) + 1 for end in _LINE_END.finditer(text))]
    try:
        tree = environment.parse(text)
        if environment.loader is None:
            _check_alone(tree, lines, file)
        tree.body = list(_marked(tree.body))
        out = environment.from_string(tree).render(values)
        out.encode()
    except LoadError:
        raise
    except Exception as error:
        raise _refused(error, values, lines, file) from error
    return _unmarked(out, lines)


# --------------------------------------------------------------------------- marks
def _marked(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """The nodes with a mark in front of everything that writes text."""
    for node in body:
        match node:
            case nodes.Output():
                node.nodes = [part for child in node.nodes for part in (_mark(child), child)]
            case nodes.If() | nodes.For(recursive=False):
                node.body, node.else_ = list(_marked(node.body)), list(_marked(node.else_))
                list(_marked(getattr(node, "elif_", [])))
            case nodes.With() | nodes.Scope() | nodes.ScopedEvalContextModifier():
                node.body = list(_marked(node.body))
            case _:
                yield nodes.Output([_mark(node)], lineno=node.lineno)
        yield node


def _mark(node: nodes.Node) -> nodes.Expr:
    """`+`: a line end in the text is one in the template; `=`: what follows was made in this one line."""
    rises = "+" if isinstance(node, nodes.TemplateData) else "="
    return nodes.TemplateData(f"\0{node.lineno}{rises}\0", lineno=node.lineno)


def _unmarked(out: str, lines: list[int]) -> Rendered:
    texts, starts, pieces = list[str](), list[int](), list[tuple[int, bool]]()
    done = length = 0
    for mark in _MARK.finditer(out):
        texts.append(out[done : mark.start()])
        length += len(texts[-1])
        done = mark.end()
        starts.append(length)
        pieces.append((int(mark[1]), mark[2] == "+"))
    return Rendered("".join((*texts, out[done:])), starts, pieces, lines)


# --------------------------------------------------------------------------- errors
def _check_alone(tree: nodes.Template, lines: list[int], file: str) -> None:
    for node in tree.find_all(tuple(_OTHER_FILES)):
        problem = f"{{% {_OTHER_FILES[type(node)]} %}} reads another file, and a migration is one file"
        advice = "Write it out here. What many migrations need can be a value or a filter: see docs/jinja.md."
        raise LoadError(file, lines[node.lineno - 1], problem, advice)


def _refused(error: Exception, values: Mapping[str, Any], lines: list[int], file: str) -> LoadError:
    line = getattr(error, "lineno", None) or _line_in(error)
    said = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
    advice = ""
    if isinstance(error, jinja2.UndefinedError):
        known = ", ".join(sorted(values)) or "none"
        advice = (
            f"Values that were given: {known}. Set it in the template, {{% set name = … %}}, or give it: docs/jinja.md."
        )
    shown = lines[min(line, len(lines)) - 1] if isinstance(line, int) and line > 0 else None
    return LoadError(file, shown, f"the template: {said}", advice)


def _line_in(error: Exception) -> int | None:
    """The innermost line of the template in the traceback, which Jinja has rewritten to name such lines."""
    lines = [at for frame, at in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    return lines[-1] if lines else None
