"""What all scripts of a folder are read with: the settings, and the values of the built-in placeholders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trek_core.plugin import dataclass
from trek_loaders.formats.flyway._placeholders import Placeholders

if TYPE_CHECKING:
    from trek_core.plugin import File, Tree
    from trek_loaders.formats._settings import FlywaySettings


@dataclass(frozen=True, slots=True)
class Context:
    """now: one time for a folder, as it is arranged, so that a plan that was shown is the plan that runs."""

    settings: FlywaySettings
    now: datetime

    @classmethod
    def of(cls, settings: FlywaySettings) -> Context:
        return cls(settings, datetime.now(UTC).astimezone())

    def schema(self, tree: Tree) -> str | None:
        """The default schema; None where neither the settings nor the database say it."""
        return self.settings.default_schema or tree.facts.schema

    def placeholders(self, tree: Tree, file: File) -> Placeholders:
        """The values for one script: Flyway's own, and over them the user's."""
        own = {
            "defaultSchema": self.schema(tree),
            "user": tree.facts.user,
            "database": tree.facts.database,
            "timestamp": f"{self.now:%Y-%m-%d %H:%M:%S}",
            "filename": file.name,
            "workingDirectory": str(Path.cwd()),
            "table": "flyway_schema_history",
            "environment": "default",
        }
        separator = self.settings.placeholder_separator
        values = {f"flyway{separator}{name}".lower(): value for name, value in own.items() if value}
        given = {name.lower(): value for name, value in self.settings.placeholders.items()}
        return Placeholders({**values, **given}, self.settings)
