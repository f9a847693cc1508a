"""What a revision file says about itself."""

from __future__ import annotations

import ast

from trek_core.plugin import LoadError, dataclass
from trek_loaders.formats._syntax import read_module


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
    module = read_module(text, file)
    names = module.texts("revision")
    if len(names) != 1:
        problem = "no line `revision = …` with a text, and Alembic wants one in every .py file of its folder"
        advice = "Point trek at the folder `versions`, or move the file out of it."
        raise LoadError(file, None, problem, advice)
    parents = dict.fromkeys((*module.texts("down_revision"), *module.texts("depends_on")))
    own = isinstance(module.functions.get("upgrade"), ast.AsyncFunctionDef)
    return Revision(names[0], module.title, tuple(parents), module.texts("branch_labels"), own)
