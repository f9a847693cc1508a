"""trek on asyncpg."""
