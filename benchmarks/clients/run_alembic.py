"""alembic with psycopg 3: `python run_alembic.py apply|check FOLDER DSN [each]`; each: a transaction per migration."""

import sys

from alembic import command
from alembic.config import Config

if __name__ == "__main__":
    folder, dsn = sys.argv[2:4]
    config = Config()
    config.set_main_option("script_location", folder)
    config.attributes["dsn"] = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    config.attributes["each"] = sys.argv[4:] == ["each"]
    command.upgrade(config, "head")
