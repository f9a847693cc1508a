"""What a revision file says about itself, read from its syntax tree: nothing of it is imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("revision", "down_revision", "branch_labels", "depends_on")


@dataclass(frozen=True, slots=True)
class Revision:
    """parents: `down_revision` and `depends_on`. own: its `upgrade` is async, which trek runs and Alembic does not."""

    name: str
    title: str
    parents: tuple[str, ...]
    labels: tuple[str, ...]
    own: bool


def read_revision(text: str, file: str) -> Revision:
    """Raises `LoadError` for what Python cannot read, and for a file that does not say which revision it is."""
    try:
        module = ast.parse(text, file)
    except SyntaxError as error:
        problem = f"{error.msg}: {(error.text or '').strip()}".rstrip(": ")
        raise LoadError(file, error.lineno, problem, "Correct it: Python cannot read this file.") from error
    except (RecursionError, MemoryError) as error:
        raise LoadError(file, None, "nested too deeply for Python", "Split the expression up.") from error
    said = _assigned(module)
    names = {name: _texts(said.get(name), name, file) for name in _NAMES}
    if len(names["revision"]) != 1:
        problem = "no line `revision = …` with a text, and Alembic wants one in every .py file of its folder"
        advice = "Point trek at the folder `versions`, or move the file out of it."
        raise LoadError(file, None, problem, advice)
    own = any(isinstance(node, ast.AsyncFunctionDef) and node.name == "upgrade" for node in module.body)
    parents = dict.fromkeys((*names["down_revision"], *names["depends_on"]))
    return Revision(names["revision"][0], _title(module), tuple(parents), names["branch_labels"], own)


def _title(module: ast.Module) -> str:
    lines = (ast.get_docstring(module) or "").splitlines()
    return "".join(lines[:1]).strip()


def _assigned(module: ast.Module) -> Mapping[str, ast.expr]:
    found = dict[str, ast.expr]()
    for node in module.body:
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def _texts(value: ast.expr | None, name: str, file: str) -> tuple[str, ...]:
    """None, a text, or several."""
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return ()
    nodes = value.elts if isinstance(value, ast.Tuple | ast.List | ast.Set) else [value]
    found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(found) < len(nodes) or not all(found):
        problem = f"{name} = {ast.unparse(value)}: trek reads the file without running it, and this is no plain text"
        raise LoadError(file, value.lineno, problem, "Write the revision itself, as Alembic generates it.")
    return tuple(found)
