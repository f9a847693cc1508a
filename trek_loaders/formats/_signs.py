"""By what `trek adopt` knows each tool: its files and its table. Data alone; the order settles what nothing else does.

A tool whose format is not there is known too.
"""

from __future__ import annotations

from trek_core.plugin import Signs
from trek_loaders.formats._others import OTHERS
from trek_loaders.formats._sign import STAMP, TIMESTAMPTZ, fits, own, table

PAIR = r"[0-9]+_[^/]*\.(?:up|down)\.[^/]+"

SIGNS = (
    Signs(
        tool="flyway",
        folders=("src/main/resources/db/migration", "db/migration", "sql"),
        files=(
            own(r"(?:.*/)?R__[^/]*\.sql", "", "a repeatable migration R__….sql"),
            own(
                r"(?:.*/)?[VBU][0-9]+[._][0-9][0-9._]*__[^/]*\.sql",
                "",
                "a version with parts, V1_1__….sql or V1.1__….sql",
            ),
            own(r"(?:.*/)?[VBUR][0-9._]*__[^/]*\.sql\.conf", "", "a script's configuration, ….sql.conf"),
            own(r"(?:.*/)?flyway\.(?:conf|toml)", "", "flyway.conf or flyway.toml"),
            fits(r"(?:.*/)?[VBU][0-9][0-9._]*__[^/]*\.sql", "names like V1__title.sql"),
        ),
        tables=tuple(
            table(
                name,
                "installed_rank integer, version character varying, description character varying, type character varying, "
                "script character varying, checksum integer, installed_by character varying, "
                f"installed_on {STAMP}, execution_time integer, success boolean",
            )
            for name in ("flyway_schema_history", "schema_version")
        ),
    ),
    Signs(
        tool="prisma",
        folders=("prisma/migrations",),
        files=(
            own(r"migration_lock\.toml", r"^provider\s*=", "migration_lock.toml"),
            fits(r"[^/]+/migration\.sql", "a folder each, with migration.sql"),
        ),
        tables=(
            table(
                "_prisma_migrations",
                f"id character varying, checksum character varying, finished_at {TIMESTAMPTZ}, "
                f"migration_name character varying, logs text, rolled_back_at {TIMESTAMPTZ}, started_at {TIMESTAMPTZ}, "
                "applied_steps_count integer",
            ),
        ),
    ),
    Signs(
        tool="golang-migrate",
        folders=("db/migrations", "migrations", "database/migrations"),
        files=(fits(PAIR, "pairs of names like 000001_title.up.sql and 000001_title.down.sql"),),
        tables=(table("schema_migrations", "version bigint, dirty boolean", without="hdb_version"),),
    ),
    Signs(
        tool="goose",
        folders=("db/migrations", "migrations"),
        files=(own(r"[^/]+\.sql", r"^--\s*\+goose\s+(?i:up)", "the line `-- +goose Up`"),),
        tables=(
            table("goose_db_version", f"id integer|bigint, version_id bigint, is_applied boolean, tstamp {STAMP}"),
        ),
    ),
    Signs(
        tool="liquibase",
        folders=("src/main/resources/db/changelog", "db/changelog", "changelog"),
        files=(
            own(
                r"(?:.*/)?[^/]+\.sql",
                r"\A\ufeff?--\s*(?i:liquibase\s+formatted\s+sql)",
                "the first line `--liquibase formatted sql`",
            ),
            own(r"(?:.*/)?[^/]+\.(?:xml|ya?ml|json)", r"databaseChangeLog", "a databaseChangeLog"),
        ),
        tables=(
            table(
                "databasechangelog",
                "id character varying, author character varying, filename character varying, dateexecuted "
                f"{STAMP}, orderexecuted integer, exectype character varying, md5sum character varying, "
                "description character varying, comments character varying, tag character varying, "
                "liquibase character varying",
                more="contexts labels deployment_id",
            ),
        ),
    ),
    Signs(
        tool="supabase",
        folders=("supabase/migrations",),
        files=(fits(r"[0-9]{14}_[^/]*\.sql", "names like 20240101000000_title.sql"),),
        tables=(
            table(
                "supabase_migrations.schema_migrations",
                "version text",
                more="statements name created_by idempotency_key rollback",
            ),
        ),
    ),
    Signs(
        tool="drizzle",
        folders=("drizzle", "drizzle/migrations", "src/db/migrations"),
        files=(
            own(r"meta/_journal\.json", r'"entries"', "meta/_journal.json"),
            own(r"[0-9]{14}_[^/]+/snapshot\.json", "", "a folder each, with snapshot.json"),
            own(r"[^/]+\.sql", r"--> statement-breakpoint", "the mark `--> statement-breakpoint`"),
        ),
        tables=(
            table("drizzle.__drizzle_migrations", "id integer, hash text, created_at bigint", more="name applied_at"),
            table("__drizzle_migrations", "id integer, hash text, created_at bigint", more="name applied_at"),
        ),
    ),
    Signs(
        tool="alembic",
        folders=("alembic/versions", "migrations/versions", "versions"),
        files=(
            own(r"(?:versions/)?[^/]+\.py", r"^down_revision\s*(?::[^=\n]+)?=", "`down_revision = …` in a .py file"),
            own(r"(?:.*/)?script\.py\.mako", "", "script.py.mako"),
        ),
        tables=(table("alembic_version", "version_num character varying"),),
    ),
    Signs(
        tool="sqlx",
        folders=("migrations",),
        files=(
            own(r"[0-9]+_[^/]*\.sql", r"\A-- no-transaction$", "the first line `-- no-transaction`"),
            fits(
                r"[0-9]+_[^/]*?(?:\.up|\.down)?\.sql",
                "names like 20240101000000_title.sql, with .up and .down or without",
            ),
        ),
        tables=(
            table(
                "_sqlx_migrations",
                f"version bigint, description text, installed_on {TIMESTAMPTZ}, success boolean, checksum bytea, "
                "execution_time bigint",
            ),
        ),
    ),
    Signs(
        tool="dbmate",
        folders=("db/migrations", "migrations"),
        files=(own(r"[^/]+\.sql", r"^--\s*migrate:up\b", "the line `-- migrate:up`"),),
        tables=(table("schema_migrations", "version character varying|text", without="ar_internal_metadata"),),
    ),
    Signs(
        tool="atlas",
        folders=("migrations",),
        files=(
            own(r"atlas\.sum", r"\Ah1:", "atlas.sum"),
            own(r"[^/]+\.sql", r"^-- atlas:(?:txmode|delimiter|checkpoint|sum|nolint)\b", "a directive `-- atlas:…`"),
        ),
        tables=(
            table(
                "atlas_schema_revisions",
                "version character varying, description character varying, type bigint, applied bigint, total bigint, "
                f"executed_at {TIMESTAMPTZ}, execution_time bigint, error text, hash character varying, partial_hashes jsonb, "
                "operator_version character varying",
                more="error_stmt",
            ),
        ),
    ),
    Signs(
        tool="diesel",
        folders=("migrations",),
        files=(
            own(r"00000000000000_diesel_initial_setup/up\.sql", "", "the folder 00000000000000_diesel_initial_setup"),
            own(
                r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]+_[^/]*/up\.sql",
                "",
                "folders like 2024-01-01-120000_title with up.sql",
            ),
            fits(r"[^/_]+(?:_[^/]*)?/(?:up|down)\.sql", "a folder each, with up.sql and down.sql"),
        ),
        tables=(table("__diesel_schema_migrations", f"version character varying, run_on {STAMP}"),),
    ),
    Signs(
        tool="node-pg-migrate",
        folders=("migrations",),
        files=(own(r"[^/]+\.sql", r"^\s*--[\s-]*(?i:up\s+migration)", "the line `-- Up Migration`"),),
        tables=(table("pgmigrations", f"id integer, name character varying, run_on {STAMP}"),),
    ),
    Signs(
        tool="sql-migrate",
        folders=("migrations",),
        files=(own(r"[^/]+\.sql", r"^-- \+migrate (?:Up|Down)", "the line `-- +migrate Up`"),),
        tables=(table("gorp_migrations", f"id text, applied_at {TIMESTAMPTZ}"),),
    ),
    Signs(
        tool="sqitch",
        folders=("sqitch",),
        files=(own(r"sqitch\.plan", r"^%project=", "sqitch.plan"), own(r"sqitch\.conf", "", "sqitch.conf")),
        tables=(
            table(
                "sqitch.changes",
                f"change_id text, script_hash text, change text, project text, note text, committed_at {TIMESTAMPTZ}, "
                f"committer_name text, committer_email text, planned_at {TIMESTAMPTZ}, planner_name text, planner_email text",
            ),
        ),
    ),
    Signs(
        tool="yoyo",
        folders=("migrations",),
        files=(
            own(r"[^/]+\.rollback\.sql", "", "a way back ….rollback.sql"),
            own(r"[^/]+\.sql", r"^--\s*transactional:", "the line `-- transactional:`"),
            own(r"[^/]+\.py", r"^\s*(?:from yoyo import|import yoyo)", "`from yoyo import …` in a .py file"),
        ),
        tables=(
            table(
                "_yoyo_migration",
                f"migration_hash character varying, migration_id character varying, applied_at_utc {STAMP}",
            ),
        ),
    ),
    Signs(
        tool="graphile-migrate",
        folders=("migrations/committed", "committed"),
        files=(own(r"[^/]+\.sql", r"\A--! Previous:", "the line `--! Previous: …`"),),
        tables=(
            table("graphile_migrate.migrations", f"hash text, previous_hash text, filename text, date {TIMESTAMPTZ}"),
        ),
    ),
    Signs(
        tool="postgrator",
        folders=("migrations",),
        files=(own(r"[0-9]+\.(?:do|undo)(?:\.[^/]*)?\.sql", "", "names like 001.do.title.sql"),),
        tables=(table("schemaversion", f"version bigint, name text, md5 text, run_at {TIMESTAMPTZ}"),),
    ),
    Signs(
        tool="refinery",
        folders=("migrations", "src/migrations"),
        files=(
            own(r"(?:.*/)?[VU][0-9]+__\w+\.rs", "", "a migration in Rust, V1__title.rs"),
            fits(r"(?:.*/)?[VU][0-9]+__\w+\.sql", "names like V1__title.sql"),
        ),
        tables=(
            table(
                "refinery_schema_history",
                "version integer|bigint, name character varying, applied_on character varying, checksum character varying",
            ),
        ),
    ),
    Signs(
        tool="tern",
        folders=("migrations",),
        files=(
            own(
                r"[0-9]+_[^/]+\.sql",
                r"^---- (?:create above / drop below|tern: disable-tx) ----",
                "the line `---- create above / drop below ----`",
            ),
            own(r"tern\.conf", "", "tern.conf"),
        ),
        tables=(table("schema_version", "version integer"),),
    ),
    Signs(
        tool="pogo-migrate",
        folders=("migrations",),
        files=(own(r"[^/]+\.sql", r"^--\s*migrate: apply", "the line `-- migrate: apply`"),),
        tables=(
            table(
                "_pogo_migration",
                f"migration_hash character varying, migration_id character varying, applied {TIMESTAMPTZ}, "
                "schema_name character varying",
            ),
        ),
    ),
    Signs(
        tool="asyncpg-trek",
        folders=("migrations",),
        files=(own(r"[0-9]{8}_[^/]+_(?:up|down)_[^/]+\.(?:sql|py)", "", "edges like 20240101_initial_up_users.sql"),),
        tables=(table("migrations", f"id integer, from_revision text, to_revision text, timestamp {STAMP}"),),
    ),
    Signs(
        tool="native",
        folders=("migrations",),
        files=(
            own(r"[0-9][^/]*\.sql", r"^--\s*trek:", "a directive `-- trek: …`"),
            fits(r"[0-9][A-Za-z0-9.]*_[^/]*\.(?:sql|py)", "names like 0001_title.sql"),
        ),
        tables=(
            table(
                "trek_history",
                "seq bigint, revision text, verb text, title text, checksum text, state text, step integer, "
                f"started_at {TIMESTAMPTZ}, finished_at {TIMESTAMPTZ}, duration double precision, who text, application text, "
                "backend_pid integer",
                more="database",
            ),
        ),
    ),
    *OTHERS,
)
