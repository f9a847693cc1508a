"""What a session's settings and role were, and the statement that puts them back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from trek_core.plugin import Sql, quote_literal

SNAPSHOT = (
    "pg_catalog.jsonb_build_object('role', pg_catalog.current_setting('role'), 'login', session_user, 'values',"
    " (SELECT pg_catalog.jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings WHERE source = 'session'))"
)
"""An SQL expression: role, session authorization and every setting made in this session."""

DONE = "trek.done"
"""The setting in which several units of one query say how many of them are committed; the end of a run empties it."""

_OWN = "('transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'is_superuser', 'session_authorization')"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session as it was found."""

    role: str
    login: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, data: Mapping[str, object]) -> Snapshot:
        values = data["values"]
        return cls(str(data["role"]), str(data["login"]), values if isinstance(values, dict) else {})

    def restore(self) -> tuple[Sql, ...]:
        """Puts back role and settings that differ. Never RESET ALL or RESET ROLE: they would wipe the caller's own.

        The role comes first: a lesser one may not set the rest. Custom settings are not in pg_settings and stay.
        """
        before = quote_literal(json.dumps(dict(self.values)))
        return (
            _set_if_changed("session_authorization", "session_user::text", self.login),
            _set_if_changed("role", "pg_catalog.current_setting('role')", self.role),
            Sql(
                "SELECT pg_catalog.set_config(s.name, COALESCE(b.value, s.reset_val), false)"
                f" FROM pg_catalog.pg_settings s LEFT JOIN pg_catalog.json_each_text({before}::json) b ON b.key = s.name"
                f" WHERE s.context IN ('user', 'superuser') AND s.name NOT IN {_OWN}"
                " AND (s.source = 'session' OR b.key IS NOT NULL)"
                " AND s.setting IS DISTINCT FROM COALESCE(b.value, s.reset_val)"
            ),
        )

    def timeouts(self) -> tuple[Sql, ...]:
        """Puts back the timeouts alone, until the end of the transaction."""
        found = {name: self.values.get(name) for name in ("lock_timeout", "statement_timeout")}
        return tuple(
            Sql(f"SET LOCAL {name} TO {'DEFAULT' if value is None else quote_literal(value)}")
            for name, value in found.items()
        )


def _set_if_changed(name: str, now: str, value: str) -> Sql:
    literal = quote_literal(value)
    return Sql(f"SELECT pg_catalog.set_config('{name}', {literal}, false) WHERE {now} IS DISTINCT FROM {literal}")
