"""Preconditions in SQL, as statements in front of a body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, Sql, dataclass, field, quote_literal, replace
from trek_loaders.formats._table import do
from trek_loaders.formats.liquibase._changeset import attributes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAG = "trek.liquibase"
"""The setting of the transaction in which a body says that its precondition failed (`MARK_RAN`) or held (`EXECUTED`)."""

_EXPECTED = re.compile(
    r"""(?:expectedResult:)?(?:'(?P<one>[^']+)'|"(?P<two>[^"]+)"|(?P<word>\w+)) (?P<sql>.*)""", re.IGNORECASE
)
_KINDS = {"table-exists": ("table", "'r', 'p', 'f'"), "view-exists": ("view", "'v'")}


@dataclass(slots=True)
class Preconditions:
    """checks: a condition in SQL, as it stands in the file, and its line."""

    on_fail: str = "HALT"
    checks: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def marks(self) -> bool:
        """Whether a changeset whose precondition fails counts as ran."""
        return self.on_fail == "MARK_RAN" and bool(self.checks)


def begin(text: str, file: str, line: int) -> Preconditions:
    """From `--preconditions onFail:… onError:…`. Raises `LoadError` for what trek does not do."""
    told = attributes_of(text)
    on_fail, on_error = told.get("onfail", "HALT").upper(), told.get("onerror", "HALT").upper()
    if on_fail not in ("HALT", "WARN", "MARK_RAN"):
        problem = f"preconditions with onFail:{on_fail}, which trek does not do"
        raise LoadError(file, line, problem, "There are HALT, WARN and MARK_RAN.")
    if on_error != "HALT":
        raise LoadError(file, line, f"preconditions with onError:{on_error}, which trek does not do", "There is HALT.")
    return Preconditions(on_fail)


def condition(kind: str, text: str, file: str, line: int) -> str:
    """The SQL of one. Raises `LoadError` for a kind that there is not."""
    if kind == "sql-check":
        if (found := _EXPECTED.fullmatch(text.strip())) is None:
            raise LoadError(file, line, "a sql-check without its result", "Write: expectedResult:0 SELECT count(*) …")
        expected = found["one"] or found["two"] or found["word"]
        sql = found["sql"].strip().rstrip(";")
        # as the server writes it, which is what Liquibase compares: a boolean is t or f
        return f"pg_catalog.format('%s', (\n{sql}\n)) = {quote_literal(expected)}"
    if kind not in _KINDS:
        raise LoadError(file, line, f"the precondition {kind}", "There are sql-check, table-exists and view-exists.")
    (word, kinds), told = _KINDS[kind], attributes_of(text)
    schema = quote_literal(told["schema"]) if told.get("schema") else "pg_catalog.current_schema()"
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE pg_catalog.lower(c.relname) = pg_catalog.lower({quote_literal(told.get(word, ''))})"
        f" AND c.relkind IN ({kinds}) AND n.nspname = {schema})"
    )


def guarded(statements: Iterable[Sql], given: Preconditions, file: str) -> tuple[Sql, ...]:
    """The statements behind their preconditions; where those mark, each runs only if they hold."""
    if not given.marks:
        return (*(_raising(given.on_fail, *check, file) for check in given.checks), *statements)
    all_hold = " AND ".join(f"({sql})" for sql, _, _ in given.checks)
    flag = f"PERFORM pg_catalog.set_config('{FLAG}', CASE WHEN {all_hold} THEN 'EXECUTED' ELSE 'MARK_RAN' END, true)"
    first = replace(do(flag), file=file, line=given.checks[0][2])
    return (first, *(replace(one, text=_if(one.text)) for one in statements))


def _raising(on_fail: str, sql: str, told: str, line: int, file: str) -> Sql:
    level = "EXCEPTION" if on_fail == "HALT" else "WARNING"
    message = quote_literal(f"the precondition failed: {told}")
    return replace(do(f"IF NOT ({sql}) THEN\n  RAISE {level} USING MESSAGE = {message};\nEND IF"), file=file, line=line)


def _if(text: str) -> str:
    return do(
        f"IF pg_catalog.current_setting('{FLAG}') = 'EXECUTED' THEN\n  EXECUTE {quote_literal(text)};\nEND IF"
    ).text
