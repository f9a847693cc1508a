"""The tables of the registry, as Sqitch 1.3 makes them (version 1.1 of its schema), less the comments on columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "1.1"
_WHEN = "timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()"
_COMMITTED = f"committed_at {_WHEN}, committer_name text NOT NULL, committer_email text NOT NULL"
_PLANNED = "planned_at timestamptz NOT NULL, planner_name text NOT NULL, planner_email text NOT NULL"
_NOTED = "note text NOT NULL DEFAULT ''"
_ARRAYS = ", ".join(f"{name} text[] NOT NULL DEFAULT '{{}}'" for name in ("requires", "conflicts", "tags"))


def created(schema: str) -> Iterator[str]:
    """The statements; the schema is there."""
    name = quote_ident(schema)
    project = f"project text NOT NULL REFERENCES {name}.projects(project) ON UPDATE CASCADE"
    change = f"REFERENCES {name}.changes(change_id) ON UPDATE CASCADE"
    tables = {
        "releases": f"version real PRIMARY KEY, installed_at {_WHEN}, installer_name text NOT NULL, "
        "installer_email text NOT NULL",
        "projects": f"project text PRIMARY KEY, uri text UNIQUE, created_at {_WHEN}, creator_name text NOT NULL, "
        "creator_email text NOT NULL",
        "changes": f"change_id text PRIMARY KEY, script_hash text, change text NOT NULL, {project}, {_NOTED}, {_COMMITTED}, "
        f"{_PLANNED}, UNIQUE (project, script_hash)",
        "tags": f"tag_id text PRIMARY KEY, tag text NOT NULL, {project}, change_id text NOT NULL {change}, {_NOTED}, "
        f"{_COMMITTED}, {_PLANNED}, UNIQUE (project, tag)",
        "dependencies": f"change_id text NOT NULL {change} ON DELETE CASCADE, type text NOT NULL, dependency text NOT NULL, "
        f"dependency_id text {change}, CONSTRAINT dependencies_check CHECK ((type = 'require' AND dependency_id IS NOT NULL) "
        "OR (type = 'conflict' AND dependency_id IS NULL)), PRIMARY KEY (change_id, dependency)",
        "events": "event text NOT NULL CONSTRAINT events_event_check CHECK (event IN ('deploy', 'revert', 'fail', 'merge')), "
        f"change_id text NOT NULL, change text NOT NULL, {project}, {_NOTED}, {_ARRAYS}, {_COMMITTED}, {_PLANNED}, "
        "PRIMARY KEY (change_id, committed_at)",
    }
    yield f"COMMENT ON SCHEMA {name} IS 'Sqitch database deployment metadata v{VERSION}.'"
    for table, columns in tables.items():
        yield f"CREATE TABLE {name}.{table} ({columns})"
