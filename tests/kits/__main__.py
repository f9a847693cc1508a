"""Prints the tables of broken implementations and the tests that they fail, one for each kit: `python -m tests.kits`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.kits import (
    broken_executor,
    broken_layouts,
    broken_loaders,
    broken_store,
    diagonal,
    test_executor_suite_bites,
    test_store_suite_bites,
)
from trek_core.testing._suite import Suite

TABLES: tuple[tuple[str, Mapping[str, Any], Callable[[Any], type[Suite]]], ...] = (
    ("Loaders", broken_loaders.DIAGONAL, lambda suite: suite),
    ("Layouts", broken_layouts.DIAGONAL, lambda suite: suite),
    ("Version stores", test_store_suite_bites.DIAGONAL, broken_store.suite_of),
    ("Executors", test_executor_suite_bites.DIAGONAL, broken_executor.suite_of),
)

for title, broken, suite_of in TABLES:
    names = {one.__name__.removeprefix("Test_"): suite_of(one) for one in broken.values()}
    print(f"## {title}\n\n{diagonal.table({name: diagonal.failing(suite) for name, suite in names.items()})}")  # noqa: T201
