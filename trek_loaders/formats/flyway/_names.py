"""From a file's name to what it is: prefix, version, separator, description, suffix."""

from __future__ import annotations

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
_OF_OTHER_COMMANDS = ("Clean", "Undo", "Baseline", "Repair", "Info")
_SIGNS = "+-"


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says. event: of a callback."""

    kind: Kind
    version: str = ""
    description: str = ""
    event: str = ""


def named(file: File, settings: FlywaySettings) -> Name | str:
    """What a file is, or why Flyway passes it by.

    Raises `LoadError` for a name that Flyway would take otherwise than trek, for a callback of `migrate`, and with
    validate_migration_naming for what is no name of Flyway's.
    """
    found = _read(file, settings)
    if isinstance(found, str) and settings.validate_migration_naming and _suffix(file.name, settings) is not None:
        raise LoadError(str(file), None, found, "Rename the file, or turn off validate_migration_naming.")
    if isinstance(found, Name):
        _check(file, found)
    return found


def _read(file: File, settings: FlywaySettings) -> Name | str:
    suffix = _suffix(file.name, settings)
    if suffix is None:
        return f"Flyway takes {', '.join(settings.sql_migration_suffixes)}"
    stem = file.name[: len(file.name) - len(suffix)]
    kinds = _kinds(settings)
    prefix = next((one for one in sorted(kinds, key=len, reverse=True) if stem.startswith(one)), None)
    if prefix is None or (stem == prefix and kinds[prefix] != "callback"):
        return "it begins with no prefix of Flyway's"
    version, _, description = stem.removeprefix(prefix).partition(settings.sql_migration_separator)
    kind, version, description = kinds[prefix], version.replace("_", "."), description.replace("_", " ")
    if kind in ("repeatable", "callback"):
        event = prefix if kind == "callback" else ""
        return f"something stands between {prefix} and the separator" if version else Name(kind, "", description, event)
    if version[:1] in _SIGNS and is_version(version[1:]):
        raise LoadError(
            str(file), None, f"a version with a sign, {version}", "Give the file a version of digits and dots."
        )
    return Name(kind, version, description) if is_version(version) else f"{version!r} is no version"


def _suffix(name: str, settings: FlywaySettings) -> str | None:
    return next((one for one in settings.sql_migration_suffixes if name.upper().endswith(one.upper())), None)


def _kinds(settings: FlywaySettings) -> dict[str, Kind]:
    kinds: dict[str, Kind] = dict.fromkeys(CALLBACKS, "callback")
    return {
        **kinds,
        settings.sql_migration_prefix: "versioned",
        settings.repeatable_sql_migration_prefix: "repeatable",
        settings.undo_sql_migration_prefix: "undo",
        settings.baseline_migration_prefix: "baseline",
    }


def _check(file: File, name: Name) -> None:
    if name.kind == "callback" and not any(command in name.event for command in _OF_OTHER_COMMANDS):
        problem = f"the callback {name.event}, which Flyway runs when it migrates and trek has no place for"
        advice = "Write what it does into a migration (a repeatable one, if it is to run again), and remove the file."
        raise LoadError(str(file), None, problem, advice)
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in name.description):  # noqa: PLR2004 - ASCII's own
        raise LoadError(str(file), None, "a control character in the description", "Rename the file.")
    if name.kind == "repeatable" and len(name.description) > LONGEST_DESCRIPTION:
        problem = (
            f"a description of {len(name.description)} characters, and the table, by which Flyway knows it again, "
        )
        raise LoadError(str(file), None, f"{problem}keeps {LONGEST_DESCRIPTION}", "Give the file a shorter name.")
