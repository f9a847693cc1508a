pytest_plugins = ["trek_asyncpg.pytest_plugin"]
