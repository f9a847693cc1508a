"""The pages of the reference: a heading for each public name of a door; what stands below it is the name's docstring."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

DOORS = {
    "trek_core": "For users: plan, execute, what they give, and the errors.",
    "trek_asyncpg": "For users: migrations with an asyncpg connection, a pool or a DSN.",
    "trek_asyncpg.asgi": "For users: an application for readiness, status and migrating; [how to use it](../applications.md).",
    "trek_core.events": "What observers are told of a run.",
    "trek_core.errors": "Every error that trek raises; [what each says and its cure](../errors.md).",
    "trek_core.plugin": "For authors of plugins: hooks, contracts and values; [how to write one](../plugins/README.md).",
    "trek_core.testing": "For authors' tests: the conformance kits; [how to use them](../plugins/testing.md).",
    "trek_asyncpg.testing": "For tests: a server, an empty database a test.",
    "trek_asyncpg.embedded": "A server of one's own; [how to use it](../embedded.md).",
}

OF_THE_LIBRARY = {"dataclass", "field", "replace"}
"""What a type checker sees as the standard library's own, which no page here describes."""


def names_of(door: str) -> list[str]:
    """The public names: `__all__`, or the classes that the module itself defines."""
    module = import_module(door)
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if name not in OF_THE_LIBRARY]
    own = (name for name, value in vars(module).items() if getattr(value, "__module__", "") == door)
    return [name for name in own if not name.startswith("_") and isinstance(getattr(module, name), type)]


def write(folder: Path) -> None:
    """A page a door, and one that lists them."""
    folder.mkdir(parents=True)
    lines = [f"* [`{door}`]({door}.md): {what}" for door, what in DOORS.items()]
    intro = "Written from the docstrings of the code. What begins with an underscore is not for you."
    (folder / "index.md").write_text(f"# Reference\n\n{intro}\n\n" + "\n".join(lines) + "\n")
    for door, what in DOORS.items():
        parts = "".join(f"::: {door}.{name}\n\n" for name in names_of(door))
        (folder / f"{door}.md").write_text(f"# `{door}`\n\n{what}\n\n{parts}")
