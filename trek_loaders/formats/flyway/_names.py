"""From a file's name to what it is: prefix, version, separator, description, suffix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from trek_core.plugin import LoadError, dataclass
from trek_loaders.formats.flyway._versions import LONGEST_DESCRIPTION, is_version

if TYPE_CHECKING:
    from trek_core.plugin import File
    from trek_loaders.formats._settings import FlywaySettings

Kind = Literal["versioned", "repeatable", "baseline", "undo", "callback"]

_EVENTS = "Migrate EachMigrate EachMigrateStatement Validate Connect Clean Undo EachUndo EachUndoStatement Baseline Repair Info"
CALLBACKS = (
    *(f"{when}{event}{end}" for event in _EVENTS.split() for when in ("before", "after") for end in ("", "Error")),
    *(
        f"after{event}OperationFinish"
        for event in ("Migrate", "Info", "Clean", "Validate", "Undo", "Repair", "Baseline")
    ),
    *("beforeRepeatables", "afterVersioned", "afterMigrateApplied", "createSchema", "beforeCreateSchema"),
)
BEFORE, AFTER = ("beforeMigrate",), ("afterMigrateApplied", "afterMigrate")
"""What runs at the beginning and at the end of a run, in this order."""
BEFORE_EACH, AFTER_EACH = "beforeEachMigrate", "afterEachMigrate"
_RUN = (*BEFORE, *AFTER, BEFORE_EACH, AFTER_EACH)
_OF_OTHER_COMMANDS = ("Clean", "Undo", "Baseline", "Repair", "Info")
_BEGINNINGS = ("before", "after", "create")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNS = ("+", "-")


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says. event: of a callback."""

    kind: Kind
    version: str = ""
    description: str = ""
    event: str = ""

    @property
    def of_another_command(self) -> bool:
        return any(command in self.event for command in _OF_OTHER_COMMANDS)


@dataclass(frozen=True, slots=True)
class Names:
    """Reads names. prefixes: longest first, as Flyway tries them."""

    settings: FlywaySettings
    prefixes: tuple[tuple[str, Kind], ...]
    with_callbacks: tuple[tuple[str, Kind], ...]

    @classmethod
    def of(cls, settings: FlywaySettings) -> Names:
        own: dict[str, Kind] = {
            settings.sql_migration_prefix: "versioned",
            settings.repeatable_sql_migration_prefix: "repeatable",
            settings.undo_sql_migration_prefix: "undo",
            settings.baseline_migration_prefix: "baseline",
        }
        callbacks: dict[str, Kind] = dict.fromkeys(CALLBACKS, "callback")
        return cls(settings, _longest_first(own), _longest_first({**callbacks, **own}))

    def named(self, file: File) -> Name | str:
        """What a file is, or why Flyway passes it by.

        Raises `LoadError` for a name that Flyway would take otherwise than trek, for a callback of `migrate`, and with
        validate_migration_naming for what is no name of Flyway's.
        """
        suffix = self._suffix(file.name)
        if suffix is None:
            return f"Flyway takes {', '.join(self.settings.sql_migration_suffixes)}"
        found = self._read(file, file.name[: len(file.name) - len(suffix)])
        if isinstance(found, Name):
            _check(file, found)
        elif self.settings.validate_migration_naming:
            raise LoadError(str(file), None, found, "Rename the file, or turn off validate_migration_naming.")
        return found

    def _read(self, file: File, stem: str) -> Name | str:
        prefixes = self.with_callbacks if stem.startswith(_BEGINNINGS) else self.prefixes
        prefix, kind = next((one for one in prefixes if stem.startswith(one[0])), (stem, "callback"))
        if prefix == stem and stem not in CALLBACKS:
            return "it begins with no prefix of Flyway's"
        version, _, description = stem.removeprefix(prefix).partition(self.settings.sql_migration_separator)
        version, description = version.replace("_", "."), description.replace("_", " ")
        if kind in ("repeatable", "callback"):
            event = prefix if kind == "callback" else ""
            return (
                f"something stands between {prefix} and the separator"
                if version
                else Name(kind, "", description, event)
            )
        if version[:1] in _SIGNS and is_version(version[1:]):
            advice = "Give the file a version of digits and dots."
            raise LoadError(str(file), None, f"a version with a sign, {version}", advice)
        return Name(kind, version, description) if is_version(version) else f"{version!r} is no version"

    def _suffix(self, name: str) -> str | None:
        upper = name.upper()
        return next((one for one in self.settings.sql_migration_suffixes if upper.endswith(one.upper())), None)


def _longest_first(kinds: dict[str, Kind]) -> tuple[tuple[str, Kind], ...]:
    return tuple(sorted(kinds.items(), key=lambda one: -len(one[0])))


def _check(file: File, name: Name) -> None:
    if name.kind == "callback" and not (name.event in _RUN or name.of_another_command):
        problem = f"the callback {name.event}, which Flyway runs when it migrates and trek has no place for"
        advice = "Write what it does into a migration (a repeatable one, if it is to run again), and remove the file."
        raise LoadError(str(file), None, problem, advice)
    if _CONTROL.search(name.description):
        raise LoadError(str(file), None, "a control character in the description", "Rename the file.")
    if name.kind == "repeatable" and len(name.description) > LONGEST_DESCRIPTION:
        problem = (
            f"a description of {len(name.description)} characters, and the table, by which Flyway knows it again, "
        )
        raise LoadError(str(file), None, f"{problem}keeps {LONGEST_DESCRIPTION}", "Give the file a shorter name.")
