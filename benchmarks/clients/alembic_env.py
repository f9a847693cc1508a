from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

given = context.config.attributes
with create_engine(given["dsn"], poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=given["each"])
    with context.begin_transaction():
        context.run_migrations()
