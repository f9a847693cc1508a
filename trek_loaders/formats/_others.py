"""Tools that trek has no format for, and whose folders or tables look like those of tools that it has one for."""

from __future__ import annotations

from trek_core.plugin import Signs
from trek_loaders.formats._sign import STAMP, TIMESTAMPTZ, own, table

PROGRAMS = "Its migrations are programs, which only that tool can run: let it go on, or begin a folder of trek's own."

OTHERS = (
    Signs(
        tool="Rails",
        folders=("db/migrate",),
        files=(own(r"[0-9]+_[^/]+\.rb", r"ActiveRecord::Migration", "`ActiveRecord::Migration` in a .rb file"),),
        tables=(table("schema_migrations", "version character varying|text", beside="ar_internal_metadata"),),
        instead=PROGRAMS,
    ),
    Signs(
        tool="Ecto",
        folders=("priv/repo/migrations",),
        files=(own(r"[0-9]+_[^/]+\.exs", r"use Ecto\.Migration", "`use Ecto.Migration` in an .exs file"),),
        tables=(table("schema_migrations", f"version bigint, inserted_at {STAMP}"),),
        instead=PROGRAMS,
    ),
    Signs(
        tool="Hasura",
        folders=("hasura/migrations",),
        files=(
            own(r"(?:[^/]+/)?[0-9]{13}_[^/]+/(?:up|down)\.sql", "", "folders like 1700000000000_title with up.sql"),
        ),
        tables=(table("hdb_catalog.schema_migrations", "version bigint, dirty boolean"),),
        instead="Its state is kept by Hasura's own server: let Hasura go on with it.",
    ),
    Signs(
        tool="Laravel",
        folders=("database/migrations",),
        files=(own(r"[0-9_]+_[^/]+\.php", r"Illuminate\\Database", "`Illuminate\\Database` in a .php file"),),
        tables=(table("migrations", "id integer, migration character varying, batch integer"),),
        instead=PROGRAMS,
    ),
    Signs(
        tool="TypeORM",
        files=(own(r"[^/]+\.[jt]s", r"MigrationInterface", "`MigrationInterface` in a .ts file"),),
        tables=(table("migrations", "id integer, timestamp bigint, name character varying"),),
        instead=PROGRAMS,
    ),
    Signs(
        tool="Django",
        files=(own(r"[0-9]+_\w+\.py", r"\(migrations\.Migration\)", "`migrations.Migration` in a .py file"),),
        tables=(
            table("django_migrations", f"id, app character varying, name character varying, applied {TIMESTAMPTZ}"),
        ),
        instead=PROGRAMS,
    ),
)
