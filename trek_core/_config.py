"""Settings: `[tool.trek]` in pyproject.toml or a trek.toml, the environment, and typed settings of plugins."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from trek_core._migrator import LOCK_WAIT
from trek_core.errors import ConfigError
from trek_core.model import Choice, TransactionChoice
from trek_core.text import nearest, redact_dsn

T = TypeVar("T")
_SECRET = re.compile(r"dsn|pass|pwd|secret|token|key", re.IGNORECASE)
_LISTS: tuple[object, ...] = (list, tuple, Sequence)
_ACCEPTED: dict[object, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    types.NoneType: (types.NoneType,),
    dict: (Mapping,),
    Mapping: (Mapping,),
}
_WORDS: dict[object, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration says. None: not said, the format's or the plugin's own default holds.

    directory: the folder of the migrations. layout, store: one half of another format. out_of_order, missing, changed:
    "refuse", "warn" or "allow". transaction: "each" or "plan". lock_wait: seconds to wait for the migration lock.
    expect_database: the name or the identity of the database, or "same" as the history: another one is refused.
    new_template: the file that `trek new` begins with.
    Its `repr` shows no password.
    """

    directory: str = "migrations"
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
        parts = (f"{f.name}={_repr(f.name, getattr(self, f.name))}" for f in dataclasses.fields(self))
        return f"Settings({', '.join(parts)})"


def load_settings(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that hold in `start` (by default the current directory) or, if none are there, in a folder above it.

    TREK_DSN, then DATABASE_URL, overrides the file's dsn; TREK_DIR its directory. A directory in a file, that of
    `embedded:FOLDER` too, is relative to that file. Raises `ConfigError` with file and key.
    """
    file, table = _find((start or Path.cwd()).absolute())
    settings = make_settings(Settings, table, str(file)) if file else Settings()
    if file and file.parent != Path.cwd():
        settings = _moved(settings, file.parent)
    return dataclasses.replace(
        settings,
        dsn=environ.get("TREK_DSN") or environ.get("DATABASE_URL") or settings.dsn,
        directory=environ.get("TREK_DIR") or settings.directory,
    )


# --------------------------------------------------------------------------- the file
def _moved(settings: Settings, folder: Path) -> Settings:
    """The settings with their folders seen from elsewhere than the file's own folder."""
    scheme, colon, data = (settings.dsn or "").partition(":")
    dsn = f"embedded:{folder / data}" if (scheme, colon) == ("embedded", ":") and data else settings.dsn
    template = settings.new_template and str(folder / settings.new_template)
    return dataclasses.replace(settings, directory=str(folder / settings.directory), dsn=dsn, new_template=template)


def _find(start: Path) -> tuple[Path | None, Mapping[str, object]]:
    for folder in (start, *start.parents):
        project, own = folder / "pyproject.toml", folder / "trek.toml"
        table = _tool_table(project)
        if table is not None and own.is_file():
            msg = f"both {own} and [tool.trek] in {project} configure trek: keep one of them"
            raise ConfigError(msg)
        if own.is_file():
            return own, _parse(own, _bytes(own))
        if table is not None:
            return project, table
    return None, {}


def _tool_table(project: Path) -> Mapping[str, object] | None:
    content = _bytes(project) if project.is_file() else b""
    if b"trek" not in content:  # another project's file above ours may be as broken as it likes
        return None
    table: object = _parse(project, content)
    for name in ("tool", "trek"):
        if isinstance(table, dict) and name not in table:
            return None
        table = table[name] if isinstance(table, dict) else table
    if not isinstance(table, dict):
        msg = f"{project}: [tool.trek] must be a table, got {_shown('', table)}"
        raise ConfigError(msg)
    return table


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def _parse(file: Path, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{file}:{line}: byte 0x{content[error.start]:02x} is not UTF-8, which TOML must be"
        raise ConfigError(msg) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else content.count(b"\n", 0, len(content.rstrip())) + 1
        msg = f"{file}:{line}: this is not valid TOML: {error}"
        raise ConfigError(msg) from error


# --------------------------------------------------------------------------- a table -> a dataclass
def make_settings(kind: type[T], given: Mapping[str, object], where: str) -> T:
    """An instance of the dataclass `kind` from a table. In keys a dash is as good as an underscore.

    Raises `ConfigError` for unknown, doubled and missing keys, and for values of another type than text, number, truth
    value, choice, list or table that the field wants. What the dataclass itself raises is not touched.
    """
    fields = {f.name: f for f in dataclasses.fields(cast("Any", kind)) if f.init}
    hints, values = _hints(kind), dict[str, object]()
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in fields:
            raise ConfigError(_unknown(key, fields, where))
        if name in values:
            msg = f"{where}: the key {_dashed(name)!r} is there twice, with a dash and with an underscore: keep one"
            raise ConfigError(msg)
        values[name] = _fit(value, hints.get(name, Any), f"{where}: {_dashed(name)}", name)
    missing = [_dashed(name) for name, f in fields.items() if name not in values and _required(f)]
    if missing:
        msg = f"{where}: the key {missing[0]!r} is missing; needed are {', '.join(missing)}"
        raise ConfigError(msg)
    try:
        return kind(**values)
    except (ConfigError, ValueError) as error:  # ValueError is what a dataclass says elsewhere of a wrong value
        msg = f"{where}: {error}"
        raise ConfigError(msg) from error


def _unknown(key: str, fields: Mapping[str, object], where: str) -> str:
    known = sorted(map(_dashed, fields))
    hint = nearest(_dashed(key), known)
    return f"{where}: unknown key {key!r}.{hint} Known keys: {', '.join(known) or 'none, it takes no settings'}"


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind)
    except Exception:  # noqa: BLE001 - names that only a type checker sees: then the plugin checks its values itself
        return {}


def _fit(value: object, hint: Any, where: str, name: str) -> object:
    if not _fits(value, hint):
        msg = f"{where} must be {_wanted(hint)}, got {_shown(name, value)}"
        raise ConfigError(msg)
    is_tuple = any(get_origin(one) is tuple for one in _alternatives(hint))
    return tuple(value) if is_tuple and isinstance(value, list) else value


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fits(value: object, hint: Any) -> bool:
    return any(_fits_one(value, option, get_origin(option) or option) for option in _alternatives(hint))


def _fits_one(value: object, hint: Any, origin: Any) -> bool:
    if origin is Literal:
        return any(value == word and type(value) is type(word) for word in get_args(hint))
    if origin in _LISTS:
        item = (get_args(hint) or (Any,))[0]
        return isinstance(value, list | tuple) and all(_fits(one, item) for one in value)
    accepted = _ACCEPTED.get(origin)
    if accepted is None:
        return True
    return isinstance(value, accepted) and (origin is bool or not isinstance(value, bool))


def _wanted(hint: Any) -> str:
    return " or ".join(map(_word, (option for option in _alternatives(hint) if option is not types.NoneType)))


def _word(hint: Any) -> str:
    origin = get_origin(hint) or hint
    if origin is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if origin in _LISTS:
        item = (get_args(hint) or (Any,))[0]
        return f"a list of {_WORDS[item]}s".replace("texts", "text") if item in (str, int, float) else "a list"
    return _WORDS.get(origin, "a table" if origin in (dict, Mapping) else str(origin))


def _shown(name: str, value: object) -> str:
    kinds = {dict: "a table", list: "a list", str: "text", bool: "true or false"}
    if isinstance(value, dict | list) or _SECRET.search(name):
        return kinds.get(type(value), f"a value of type {type(value).__name__}")
    return repr(redact_dsn(value) if isinstance(value, str) else value)


def _repr(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        inner = (f"{key!r}: {_repr(str(key), one)}" for key, one in value.items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, str):
        return repr("***" if _SECRET.search(name) and name != "dsn" else redact_dsn(value))
    return repr(value)
