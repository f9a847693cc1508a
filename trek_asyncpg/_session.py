"""What a session was before a migration, and the statements that make it so again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from trek_asyncpg._leftovers import FOUND, clear
from trek_core.plugin import Body, Call, Piece, Sql, Statement, dataclass, quote_ident, quote_literal

SNAPSHOT = (
    "pg_catalog.jsonb_build_object('role', pg_catalog.current_setting('role'), 'login', session_user, 'values',"
    " (SELECT pg_catalog.jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings WHERE source = 'session'),"
    " 'channels', (SELECT pg_catalog.jsonb_agg(c) FROM pg_catalog.pg_listening_channels() c),"
    f" 'found', {FOUND})"
)
"""An SQL expression: role, session authorization, every setting made in this session, and what else the session keeps."""

DONE = "trek.done"
"""The setting in which several units of one query say how many of them are committed; the end of a run empties it."""

_OWN = "'{transaction_isolation,transaction_read_only,transaction_deferrable,is_superuser,session_authorization}'"
_IS = "OPERATOR(pg_catalog.=)"
"""A body may have left a search_path in which a bare one is another."""
_NAME = r'"?([a-z_][\w$]*(?:"?\."?[a-z_][\w$]*)+)"?'
# Compiled for a migration that may leave the session otherwise than it was: most runs have none.
_CUSTOM = rf"(?i)\b(?:set\s+(?:session\s+|local\s+)?|reset\s+){_NAME}|\bset_config\s*\(\s*e?'([^']+\.[^']+)'"
_LISTEN = r'(?i)\blisten\s+("(?:[^"]|"")+"|[^\W\d][\w$]*)'
_KEEPS = r"(?i)temp|prepare|hold|advisory|\A(?:do|call)\b"
_HEARS = r"(?i)listen|\A(?:do|call)\b"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as it was found. `found`: temporary objects, cursors, prepared statements and advisory locks."""

    role: str
    login: str
    values: Mapping[str, str]
    channels: tuple[str, ...] = ()
    found: Mapping[str, Sequence[str]] | None = None

    @classmethod
    def of(cls, data: Mapping[str, object]) -> Snapshot:
        values, channels, found = data["values"], data["channels"], data["found"]
        return cls(
            str(data["role"]),
            str(data["login"]),
            values if isinstance(values, dict) else {},
            tuple(channels) if isinstance(channels, list) else (),
            found if isinstance(found, dict) else None,
        )

    def restore(
        self, body: Body | None, custom: Mapping[str, str | None], *, nested: bool, pooled: bool
    ) -> tuple[Sql, ...]:
        """What puts back all that the body may have changed. `custom`: custom settings that it names, as they were.

        The role comes first: a lesser one may not set the rest. Behind a pooler only settings: the rest was found in a
        session that may be another client's by now.
        """
        settings = (*self.as_found(local=False), self._settings(), *_custom(custom))
        if pooled:
            return settings
        kept = clear(self.found) if self.found is not None and _may(body, _KEEPS) else ()
        return (*settings, *kept, *(self._channels(body, nested=nested) if _may(body, _HEARS) else ()))

    def as_found(self, *, local: bool) -> tuple[Sql, ...]:
        """Makes session authorization and role the caller's; local: only to the end of the transaction."""
        return (
            _set_if_changed("session_authorization", "session_user::pg_catalog.text", self.login, local=local),
            _set_if_changed("role", "pg_catalog.current_setting('role')", self.role, local=local),
        )

    def timeouts(self) -> tuple[Sql, ...]:
        """Puts back the timeouts alone, until the end of the transaction."""
        found = {name: self.values.get(name) for name in ("lock_timeout", "statement_timeout")}
        return tuple(
            Sql(f"SET LOCAL {name} TO {'DEFAULT' if value is None else quote_literal(value)}")
            for name, value in found.items()
        )

    def _settings(self) -> Sql:
        """Never RESET ALL or RESET ROLE: they would wipe the caller's own."""
        before = quote_literal(json.dumps(dict(self.values)))
        return Sql(
            "SELECT pg_catalog.set_config(s.name, COALESCE(b.value, s.reset_val), false)"
            f" FROM pg_catalog.pg_settings s LEFT JOIN pg_catalog.json_each_text({before}::pg_catalog.json) b"
            f" ON b.key {_IS} s.name WHERE s.context {_IS} ANY ('{{user,superuser}}') AND NOT s.name {_IS} ANY ({_OWN})"
            f" AND (s.source {_IS} 'session' OR b.key IS NOT NULL)"
            " AND pg_catalog.textne(COALESCE(s.setting, ''), COALESCE(b.value, s.reset_val, ''))"
        )

    def _channels(self, body: Body | None, *, nested: bool) -> tuple[Sql, ...]:
        """LISTEN happens at COMMIT, and is not seen before: out of the caller's transaction all but theirs are left.

        Within it theirs may be waiting for that COMMIT as well, so only those that the text names are taken back.
        """
        if not nested:
            return (Sql("UNLISTEN *"), *(Sql(f"LISTEN {quote_ident(channel)}") for channel in self.channels))
        named = {name for text in _texts(body) for name in re.findall(_LISTEN, text)}
        mine = {name for name in named if _unquoted(name) not in self.channels}
        return tuple(Sql(f"UNLISTEN {name}") for name in sorted(mine))


def custom_settings(body: Body | None) -> tuple[str, ...]:
    """The names of custom settings (`my.x`) in the texts of what changes settings: the server lists them nowhere."""
    found = (
        name.replace('"', "") for text in _texts(body) for pair in re.findall(_CUSTOM, text) for name in pair if name
    )
    return tuple(dict.fromkeys(found))


def ask_custom(names: Sequence[str]) -> str:
    """An SQL expression: custom settings as they are; null where there is none."""
    pairs = ", ".join(
        f"{quote_literal(name)}, pg_catalog.current_setting({quote_literal(name)}, true)" for name in names
    )
    return f"pg_catalog.jsonb_build_object({pairs})"


def _custom(before: Mapping[str, str | None]) -> Iterable[Sql]:
    """One that was not there stays, empty: there is no way to take it away."""
    for name, value in before.items():
        given, was = quote_literal(name), quote_literal(value or "")
        yield Sql(
            f"SELECT pg_catalog.set_config({given}, {was}, false)"
            f" WHERE pg_catalog.textne(COALESCE(pg_catalog.current_setting({given}, true), ''), {was})"
        )


def _texts(body: Body | None) -> Iterable[str]:
    """The texts of statements that change what a session keeps."""
    return (s.text for s in body.statements if isinstance(s, Sql) and s.changes_settings) if body else ()


def _may(body: Body | None, words: str) -> bool:
    """Whether the body may do what the words say; of a function nobody knows."""
    return any(_does(statement, words) for statement in (body.statements if body else ()))


def _does(statement: Statement, words: str) -> bool:
    if isinstance(statement, Sql):
        return statement.changes_settings and bool(re.search(words, statement.text))
    return isinstance(statement, Call) or (isinstance(statement, Piece) and statement.changes_settings)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _set_if_changed(name: str, now: str, value: str, *, local: bool) -> Sql:
    literal = quote_literal(value)
    return Sql(
        f"SELECT pg_catalog.set_config('{name}', {literal}, {str(local).lower()}) WHERE pg_catalog.textne({now}, {literal})"
    )
