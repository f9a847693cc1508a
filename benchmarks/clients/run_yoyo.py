"""yoyo with psycopg 3: `python run_yoyo.py apply|check FOLDER DSN`. Its lock waits as long as the others' would."""

import sys

from yoyo import get_backend, read_migrations

if __name__ == "__main__":
    folder, dsn = sys.argv[2:4]
    backend = get_backend(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    migrations = read_migrations(folder)
    with backend.lock(timeout=120):
        backend.apply_migrations(backend.to_apply(migrations))
