"""The settings of the `trek` command: [tool.trek] in pyproject.toml or a trek.toml, the environment, options, in that order."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trek_core import _config_file as files
from trek_core._config_file import Found
from trek_core._migrator import LOCK_WAIT
from trek_core._scripts import PACKAGE
from trek_core._table import dashed, hidden, make_settings, shown
from trek_core.errors import ConfigError
from trek_core.model import Choice, TransactionChoice
from trek_core.text import nearest

_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
DIRECTORY = "migrations"
_CONNECTING = ("dsn", "executor_settings")
"""What only a command with a database wants: its variables may be missing until one is opened."""
_OPTION = {"directory": "dir", "dsn": "dsn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration says. None: not said, the format's or the plugin's own default holds.

    directory: where the migrations lie, one place or several. layout, store: one half of another format. out_of_order,
    missing, changed: "refuse", "warn" or "allow". transaction: "each" or "plan". lock_wait: seconds to wait for the
    migration lock. expect_database: the name or the identity of the database, or "same" as the history: another one is
    refused. new_template: the file that `trek new` begins with. Its `repr` shows no password.
    """

    directory: str | tuple[str, ...] = DIRECTORY
    dsn: str | None = None
    format: str | None = None
    layout: str | None = None
    store: str | None = None
    layout_settings: Mapping[str, object] = field(default_factory=dict)
    store_settings: Mapping[str, object] = field(default_factory=dict)
    executor_settings: Mapping[str, object] = field(default_factory=dict)
    out_of_order: Choice | None = None
    missing: Choice | None = None
    changed: Choice | None = None
    transaction: TransactionChoice | None = None
    lock_wait: float = LOCK_WAIT
    expect_database: str | None = None
    new_template: str | None = None
    disable_plugins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lock_wait >= 0:  # NaN too
            msg = f"lock-wait is {self.lock_wait!r}, want seconds, 0 or more"
            raise ConfigError(msg)

    def __repr__(self) -> str:
        parts = (f"{f.name}={hidden(f.name, getattr(self, f.name))!r}" for f in dataclasses.fields(self))
        return f"Settings({', '.join(parts)})"


_KEYS = frozenset(f.name for f in dataclasses.fields(Settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common(Settings):
    """What a file says outside of `databases`."""

    databases: Mapping[str, object] = field(default_factory=dict)
    default_database: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: an option or a variable, or the keys in the file; with neither it is the default.

    variables: those that the value in the file names.
    """

    source: str = ""
    keys: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where they come from: field -> origin; a field that is not there has its default.

    database: the name of the chosen one. databases: those that have a name.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    found: Found
    database: str | None = None
    databases: tuple[str, ...] = ()


def load_settings(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that hold in `start` (by default the current directory) or, if none are there, in a folder above it.

    TREK_DSN, then DATABASE_URL, overrides the file's dsn; TREK_DIR its directory. A directory in a file, that of
    `embedded:FOLDER` too, is relative to that file. Raises `ConfigError` with file and key.
    """
    return configure(start, environ).settings


def configure(
    start: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, tuple[object, str]] | None = None,
    *,
    database: str | None = None,
    choose: bool = True,
) -> Configuration:
    """The file's common keys, those of the chosen database, the environment, and the options: the last word holds.

    options: field -> value and the option's name. database: what --database said. choose: whether one of several must
    be chosen. Raises `ConfigError`.
    """
    found, options = files.find((start or Path.cwd()).absolute()), options or {}
    common = make_settings(_Common, found.table, str(found.file))
    tables = {name: _database(found, name, table) for name, table in common.databases.items()}
    name = _chosen(found, common, environ, database, choose=choose)
    own = tables[name] if name else {}
    over = dict(_of_environment(environ, name, {_field(key) for key in own} - options.keys()))
    over |= {key: (value, Origin(option)) for key, (value, option) in options.items()}
    values, origins = _of_file(found, name, own, environ, over.keys())
    above: Any = {key: value for key, (value, _) in over.items()}
    settings = dataclasses.replace(make_settings(Settings, values, str(found.file)), **above)
    origins |= {key: origin for key, (_, origin) in over.items()}
    return Configuration(settings, origins, found, name, tuple(tables))


def refuse_unset(settings: Settings) -> None:
    """Raises `ConfigError` for a variable that is named where a database is opened, and has no value."""
    for key in _CONNECTING:
        if name := _unset(getattr(settings, key)):
            raise ConfigError(_unset_words(dashed(key), name))


# --------------------------------------------------------------------------- the databases
def _database(found: Found, name: str, table: object) -> Mapping[str, object]:
    if not isinstance(table, Mapping):
        msg = f"{found.file}: databases.{name} must be a table, got {shown(name, table)}"
        raise ConfigError(msg)
    make_settings(Settings, table, f"{found.file}: databases.{name}")
    return table


def _chosen(
    found: Found, common: _Common, environ: Mapping[str, str], option: str | None, *, choose: bool
) -> str | None:
    names = tuple(common.databases)
    said = {
        "--database": option,
        "TREK_DATABASE": environ.get("TREK_DATABASE"),
        f"{found.file}: default-database": common.default_database,
    }
    for where, name in said.items():
        if name and name not in names:
            raise ConfigError(_unknown(where, name, names))
    name = next(filter(None, said.values()), names[0] if len(names) == 1 else None)
    if names and not name and choose:
        msg = (
            f"{found.file} has several databases, and none was chosen: {', '.join(names)}.\n"
            f'Choose with --database NAME or TREK_DATABASE, or write default-database = "{names[0]}" above them.'
        )
        raise ConfigError(msg)
    return name


def _unknown(where: str, name: str, names: tuple[str, ...]) -> str:
    if ":/" in name or name.startswith("embedded:"):
        return f"{where} takes a name of [tool.trek.databases], got a DSN: a DSN goes behind --dsn, or into TREK_DSN"
    known = f"There are: {', '.join(names)}." if names else "None has a name: write [tool.trek.databases.NAME]."
    return f"{where}: no database is called {name!r}.{nearest(name, names)} {known}"


def _of_environment(
    environ: Mapping[str, str], name: str | None, own: Collection[str]
) -> Iterator[tuple[str, tuple[object, Origin]]]:
    """What variables say. own: the keys of the chosen database, which a variable for one that has no name must not undo."""
    said = (("directory", "TREK_DIR", environ.get("TREK_DIR")), ("dsn", "TREK_DSN", environ.get("TREK_DSN")))
    for key, variable, value in said:
        if value and key in own:
            msg = (
                f"{variable} is set, and the database {name!r}, which was chosen, has a {dashed(key)} of its own.\n"
                f"Unset {variable}, or say --{_OPTION[key]}, which wins over both."
            )
            raise ConfigError(msg)
        if value:
            yield key, (value, Origin(variable))
    if "dsn" not in own and (url := environ.get("DATABASE_URL")) and not environ.get("TREK_DSN"):
        yield "dsn", (url, Origin("DATABASE_URL"))


# --------------------------------------------------------------------------- values of the file
def _of_file(
    found: Found, name: str | None, own: Mapping[str, object], environ: Mapping[str, str], over: Collection[str]
) -> tuple[dict[str, object], dict[str, Origin]]:
    """What holds of the common keys and of the database's own, but for what somebody else says."""
    said: dict[str, tuple[object, tuple[str, ...]]] = {"directory": (DIRECTORY, ())}
    said |= {_field(key): (value, (key,)) for key, value in found.table.items() if _field(key) in _KEYS}
    said |= {_field(key): (value, ("databases", str(name), key)) for key, value in own.items()}
    values, origins = dict[str, object](), dict[str, Origin]()
    for key, (value, keys) in said.items():
        if key not in over:
            text = _Text(found, key, environ)
            values[key] = text.read(value)
            origins[key] = Origin(keys=keys, variables=tuple(text.variables))
    return values, origins


class _Text:
    """A value of the file, with the values of its variables and with folders as seen from the current one."""

    def __init__(self, found: Found, key: str, environ: Mapping[str, str]) -> None:
        self.variables: dict[str, None] = {}
        self._found, self._key, self._environ = found, key, environ

    def read(self, value: Any) -> Any:
        """Raises `ConfigError` for a variable that is not set, unless only a connection wants it."""
        value = self._expanded(value)
        folder = self._found.file.parent if self._found.file else Path.cwd()
        if folder == Path.cwd():
            return value
        if self._key == "new_template":
            return str(folder / value)
        if self._key == "directory":
            return [_below(folder, one) for one in value] if isinstance(value, list) else _below(folder, value)
        scheme, _, data = str(value).partition(":")
        return f"embedded:{folder / data}" if (self._key, scheme) == ("dsn", "embedded") and data else value

    def _expanded(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._expanded(one) for key, one in value.items()}
        if isinstance(value, list):
            return list(map(self._expanded, value))
        return _VARIABLE.sub(self._value, value) if isinstance(value, str) else value

    def _value(self, seen: re.Match[str]) -> str:
        if seen[1]:
            return seen[0][1:]
        self.variables[seen[2]] = None
        if value := self._environ.get(seen[2]):
            return value
        if self._key in _CONNECTING:
            return seen[0]
        msg = f"{self._found.file}: {_unset_words(dashed(self._key), seen[2])}"
        raise ConfigError(msg)


def _below(folder: Path, place: str) -> str:
    return place if place.startswith(PACKAGE) else str(folder / place)


def _unset(value: object) -> str | None:
    """The first variable that was left in it."""
    if isinstance(value, Mapping):
        return next(filter(None, map(_unset, value.values())), None)
    found = _VARIABLE.search(value) if isinstance(value, str) else None
    return found and found[2]


def _unset_words(key: str, name: str) -> str:
    return f"{key} names the variable {name}, which is not set, or is empty. Set it, or correct the name."


def _field(key: str) -> str:
    return key.replace("-", "_")
