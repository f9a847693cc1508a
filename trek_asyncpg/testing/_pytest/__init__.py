"""What stands behind `trek_asyncpg.pytest_plugin`."""
