"""What a Python file says in its constants, read from its syntax tree: nothing of it is imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Module:
    """A file's syntax tree, and what its top level assigns: the last word on a name holds."""

    tree: ast.Module
    file: str
    assigned: Mapping[str, ast.expr]

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        lines = (ast.get_docstring(self.tree) or "").strip().splitlines()
        return "".join(lines[:1]).strip()

    @property
    def functions(self) -> Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Those of the top level."""
        return {one.name: one for one in self.tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}

    def texts(self, name: str) -> tuple[str, ...]:
        """None, a text, or several, as a tuple; nothing of a name that is not there. Raises `LoadError` for all else."""
        value = self.assigned.get(name)
        if value is None or (isinstance(value, ast.Constant) and value.value is None) or _is_empty_set(value):
            return ()
        nodes = value.elts if isinstance(value, ast.Tuple | ast.List | ast.Set) else [value]
        found = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        if len(found) < len(nodes) or not all(found):
            raise self._not_plain(name, value, "text")
        return tuple(found)

    def truth(self, name: str, default: bool) -> bool:
        """True or False. Raises `LoadError` for all else."""
        value = self.assigned.get(name)
        if value is None:
            return default
        if not (isinstance(value, ast.Constant) and isinstance(value.value, bool)):
            raise self._not_plain(name, value, "True or False")
        return value.value

    def _not_plain(self, name: str, value: ast.expr, want: str) -> LoadError:
        problem = f"{name} = {ast.unparse(value)}: trek reads the file without running it, and this is no plain {want}"
        return LoadError(self.file, value.lineno, problem, "Write the value itself.")


def read_module(text: str, file: str) -> Module:
    """Raises `LoadError` for what Python cannot read."""
    try:
        tree = ast.parse(text, file)
    except SyntaxError as error:
        problem = f"{error.msg}: {(error.text or '').strip()}".rstrip(": ")
        raise LoadError(file, error.lineno, problem, "Correct it: Python cannot read this file.") from error
    except (RecursionError, MemoryError) as error:
        raise LoadError(file, None, "nested too deeply for Python", "Split the expression up.") from error
    return Module(tree, file, _assigned(tree))


def _assigned(tree: ast.Module) -> Mapping[str, ast.expr]:
    found = dict[str, ast.expr]()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def _is_empty_set(value: ast.expr) -> bool:
    return ast.unparse(value) == "set()"
