"""The tables of the page on values have every field of every value and event, with its type and its default."""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import Any, get_args

import pytest

from tests.docs.pages import read
from trek_core import events, model, plans

PAGE = "docs/plugins/values.md"
NOT_FOR_PLUGINS = {"Route"}
ONLY_READ = {"Ran"}
"""What nobody names: it is found in a report."""


def shown() -> dict[str, list[list[str]]]:
    """The cells of the table below each heading of a value."""
    part = read(PAGE).partition("\n## The values\n")[2]
    part = part.replace("\n## What a run shows\n", "\n").replace("\n## The events\n", "\n")
    pieces = re.split(r"^### (\w+)$", part, flags=re.MULTILINE)[1:]
    return {name: _cells(text) for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def _cells(text: str) -> list[list[str]]:
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|").replace("`", "") for cell in row] for row in rows]


def classes() -> dict[str, Any]:
    named = {name: getattr(model, name) for name in model.__all__}
    shows = (plans.Plan, plans.Report, plans.Ran)
    named |= {kind.__name__: kind for kind in (*get_args(events.Event), events.Failure, events.Blocker, *shows)}
    return {name: kind for name, kind in named.items() if dataclasses.is_dataclass(kind)}


def default(field: Any) -> str:
    made = field.default_factory is not dataclasses.MISSING
    value = field.default_factory() if made else field.default
    if value is dataclasses.MISSING:
        return "needed"
    if callable(value):
        return f"gives {value(None)}"
    if dataclasses.is_dataclass(value):
        return f"{type(value).__name__}()"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_every_value_and_every_event_has_its_table() -> None:
    assert set(shown()) == set(classes()) - NOT_FOR_PLUGINS


@pytest.mark.parametrize("name", shown())
def test_a_table_has_every_field_with_its_type_its_default_and_a_word(name: str) -> None:
    wanted = [[field.name, field.type, default(field)] for field in dataclasses.fields(classes()[name])]
    assert [row[:3] for row in shown()[name]] == wanted
    assert all(len(row) == 4 and row[3] for row in shown()[name])


def test_a_plugin_author_imports_them_from_the_door() -> None:
    door = importlib.import_module("trek_core.plugin")
    assert set(shown()) - ONLY_READ <= set(door.__all__)
