"""The migrations that every tool gets: small, of five kinds in turn, the same SQL for all.

Some write their number into `marks`, which has no key: a migration that ran twice, or not at all, is seen there.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE = """\
CREATE TABLE item_{n} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    price numeric(10, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""
INDEX = "CREATE INDEX item_{n}_name ON item_{n} (name);\n"
SEED = """\
INSERT INTO item_{n} (name, price) VALUES ('first', 1.50), ('second', 2.50), ('third; not the end', 3.50);
INSERT INTO marks VALUES ({number});
"""
COLUMN = "ALTER TABLE item_{n} ADD COLUMN note text NOT NULL DEFAULT 'none';\n"
BACKFILL = """\
-- one statement and its mark
UPDATE item_{n} SET note = upper(name), price = price + 1 WHERE price < 3;
INSERT INTO marks VALUES ({number});
"""
KINDS = (("create", TABLE), ("index", INDEX), ("seed", SEED), ("column", COLUMN), ("backfill", BACKFILL))
MARKS = "CREATE TABLE marks (migration integer NOT NULL);\nCREATE TABLE total (steps integer NOT NULL);\n"
DATA = "UPDATE total SET steps = steps + 1;\nINSERT INTO marks VALUES ({number});\n"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    title: str
    sql: str
    marked: bool = False

    @property
    def revision(self) -> str:
        return f"{self.number:05}"


def small(number: int) -> list[Migration]:
    """`number` migrations for an empty database."""
    return [_small(n) for n in range(1, number + 1)]


def _small(number: int) -> Migration:
    kind, text = KINDS[(number - 1) % len(KINDS)]
    table = f"{(number - 1) // len(KINDS) + 1:05}"
    sql = text.format(n=table, number=number)
    if number == 1:
        sql = f"{MARKS}INSERT INTO total VALUES (0);\n{sql}"
    return Migration(number, f"{kind}_item_{table}", sql, kind in ("seed", "backfill"))


def data_only(first: int, number: int) -> list[Migration]:
    """`number` migrations that change rows only: nothing in the schema would stop them from running twice."""
    return [Migration(n, f"count_{n:05}", DATA.format(number=n), marked=True) for n in range(first, first + number)]


def marks(migrations: list[Migration]) -> list[int]:
    """What `marks` must hold when each has run once."""
    return [migration.number for migration in migrations if migration.marked]
