"""A second floor: asyncpg, one query, in it each migration in a transaction of its own with a row in a history.

python run_rows.py apply FOLDER DSN
"""

import hashlib

from given import run
from run_floor import read

TABLE = "CREATE TABLE floor_history (seq int PRIMARY KEY, name text, checksum text, at timestamptz DEFAULT now())"


async def apply(connection, folder):
    parts = [TABLE]
    for seq, (name, text) in enumerate(read(folder).items(), 1):
        row = f"INSERT INTO floor_history VALUES ({seq}, '{name}', '{hashlib.sha256(text).hexdigest()}')"
        parts.append(f"BEGIN;\n{text.decode()}\n;\n{row};\nCOMMIT")
    await connection.execute("\n;\n".join(parts))


if __name__ == "__main__":
    run(apply)
