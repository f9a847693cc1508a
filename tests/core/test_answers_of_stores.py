"""What a store answers is checked where it answers: a wrong value never travels on to a place that cannot name it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.memory_place import Place
from trek_core import MigrationFailed, Migrator, PluginContractError
from trek_core.testing import MemoryStore, memory_backend

if TYPE_CHECKING:
    from pathlib import Path

    from trek_core.plugin import Action, Facts, History, Record, Row, Rows


class Changing(MemoryStore):
    """Its rows have other fields than the reference's."""

    fields: dict[str, Any]

    def history(self, rows: Rows | None, facts: Facts) -> History:
        found = super().history(rows, facts)
        return replace(found, rows=tuple(replace(row, **self.fields) for row in found.rows))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path).write({"0001_1.sql": "one"})


@pytest.mark.parametrize(
    ("field", "value", "want"),
    [
        ("revision", 1, "str"),
        ("started_at", None, "str"),
        ("finished_at", datetime(2026, 1, 1, tzinfo=UTC), "str"),
        ("duration", "1 s", "float, int or None"),
        ("who", 7, "str"),
    ],
)
async def test_a_row_of_the_history_with_a_wrong_field_names_the_field(
    place: Place, field: str, value: object, want: str
) -> None:
    await Migrator(memory_backend(place.database), place.path).migrate()
    store = Changing()
    store.fields = {field: value}
    backend = memory_backend(place.database, store=store)
    with pytest.raises(PluginContractError, match=rf"VersionStore\.history: rows: .*: {field}: gave .*, want {want}"):
        await Migrator(backend, place.path).status()


async def test_rows_that_can_be_read_only_once_are_refused(place: Place) -> None:
    class Store(MemoryStore):
        def history(self, rows: Rows | None, facts: Facts) -> History:
            found = super().history(rows, facts)
            return replace(found, rows=(row for row in found.rows))  # type: ignore[arg-type]

    with pytest.raises(PluginContractError, match="rows: gave a generator, want a tuple of HistoryRow"):
        await Migrator(memory_backend(place.database, store=Store()), place.path).status()


async def test_an_async_changed_accepts_no_file_and_refuses_none(place: Place) -> None:
    class Store(MemoryStore):
        async def changed(self, checksums: tuple[str, ...], row: Row) -> bool:  # type: ignore[override]
            return False

    await Migrator(memory_backend(place.database), place.path).migrate()
    with pytest.raises(PluginContractError, match=r"VersionStore\.changed: gave a coroutine, want bool"):
        await Migrator(memory_backend(place.database, store=Store()), place.path).migrate()


async def test_a_store_that_does_not_count_is_named_beside_the_migration(place: Place) -> None:
    class Store(MemoryStore):
        def history(self, rows: Rows | None, facts: Facts) -> History:
            return replace(super().history(rows, facts), next=1)

        def record(self, action: Action, history: History) -> Record:
            return super().record(action, replace(history, next=1))

    await Migrator(memory_backend(place.database, store=Store()), place.path).migrate()
    place.write({"0002_2.sql": "two"})
    with pytest.raises(MigrationFailed) as failed:
        await Migrator(memory_backend(place.database, store=Store()), place.path).migrate()
    assert "That key is the history's. Either the migration writes there, or store Store of plugin" in str(failed.value)
    assert str(failed.value).endswith("gave a step that is taken: its History.next must be past every row.")
