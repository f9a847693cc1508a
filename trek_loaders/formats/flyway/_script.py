"""A script: its text, its checksum, its configuration beside it, and the body that does what Flyway does with it."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, Sql, dataclass, quote_literal
from trek_loaders._bodies import check_runnable
from trek_loaders._lexer import split
from trek_loaders.formats._bodies import in_transaction_of
from trek_loaders.formats._files import text_of
from trek_loaders.formats.flyway._placeholders import Replaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Copy, File, Tree
    from trek_loaders.formats.flyway._context import Context

NAME = "Flyway"
_LINE_ENDS = str.maketrans("", "", "\r\n")
_ALONE = re.compile(
    r"(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE|SUBSCRIPTION)\b|ALTER\s+SYSTEM\b|VACUUM\b|DISCARD\s+ALL\b"
    r"|(?:CREATE|DROP)(?:\s+UNIQUE)?\s+INDEX\s+CONCURRENTLY\b|REINDEX(?:\s+VERBOSE)?\s+(?:SCHEMA|DATABASE|SYSTEM)\b",
    re.IGNORECASE,
)
_PROPERTY = re.compile(r"\s*([^\s=:]+)\s*[=:\s]\s*(.*?)\s*")


def checksum(text: str) -> str:
    """CRC-32 of the lines, in 32 bits with a sign; what ends a line does not count."""
    found = zlib.crc32(text.translate(_LINE_ENDS).encode())
    return str(found - (1 << 32) if found >> 31 else found)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file `<script>.conf` says. None: the settings hold."""

    execute_in_transaction: bool | None = None
    placeholder_replacement: bool | None = None


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A migration's script, and its configuration if there is one."""

    file: File
    conf: File | None
    context: Context

    @property
    def files(self) -> tuple[File, ...]:
        return (self.file,) if self.conf is None else (self.file, self.conf)

    def checksum(self, tree: Tree) -> tuple[str, ...]:
        """Of the text as it stands."""
        return (checksum(text_of(tree, self.file)),)

    def checksums(self, tree: Tree) -> tuple[str, ...]:
        """Of the text with its placeholders replaced, and of the text as it stands."""
        return (checksum(self._text(tree, self._configuration(tree)).text), *self.checksum(tree))

    def body(self, tree: Tree, before: Sequence[ScriptFile] = (), after: Sequence[ScriptFile] = ()) -> Body:
        """What Flyway does with it, between what runs before and after each. Raises `LoadError`."""
        conf = self._configuration(tree)
        own = self._statements(self._text(tree, conf))
        schema = self.context.schema(tree)
        first, last = ([one for script in scripts for one in script.statements(tree)] for scripts in (before, after))
        if self._in_transaction(own, conf):
            path = search_path(schema, local=not tree.facts.in_transaction)
            return in_transaction_of(NAME, (path, *first, *own, *last))
        return Body((search_path(schema), *first, *own, *last), "autocommit")

    def statements(self, tree: Tree) -> tuple[Sql | Copy, ...]:
        """As a part of another script's body. Raises `LoadError`."""
        return self._statements(self._text(tree, self._configuration(tree)))

    # ----------------------------------------------------------------------- reading
    def _text(self, tree: Tree, conf: Configuration) -> Replaced:
        text, settings = text_of(tree, self.file), self.context.settings
        if not _either(conf.placeholder_replacement, settings.placeholder_replacement):
            return Replaced(text, text)
        return self.context.placeholders(tree, self.file).replaced(text, str(self.file))

    def _statements(self, found: Replaced) -> tuple[Sql | Copy, ...]:
        try:
            statements = tuple(map(found.moved, split(found.text, str(self.file))))
        except LoadError as error:
            line = None if error.line is None else found.line(error.line)
            raise LoadError(error.path, line, error.problem, error.advice) from error
        for one in statements:
            if isinstance(one, Sql):
                check_runnable(one)
        return statements

    def _configuration(self, tree: Tree) -> Configuration:
        if self.conf is None:
            return Configuration()
        text = self.context.placeholders(tree, self.file).replaced(text_of(tree, self.conf), str(self.conf)).text
        return configuration(text, str(self.conf))

    # ----------------------------------------------------------------------- how it runs
    def _in_transaction(self, statements: Sequence[Sql | Copy], conf: Configuration) -> bool:
        settings = self.context.settings
        alone = next((one for one in statements if isinstance(one, Sql) and _stands_alone(one)), None)
        other = next((one for one in statements if not (isinstance(one, Sql) and _stands_alone(one))), None)
        if conf.execute_in_transaction is not None or not settings.execute_in_transaction:
            return bool(conf.execute_in_transaction)
        if alone and other and not settings.mixed:
            problem = (
                f"{alone.refuses_block or 'what cannot be in a transaction'} beside what is in one (line {other.line}), which "
                "Flyway refuses unless it is set to mixed"
            )
            advice = f"Split the file; or write executeInTransaction=false into {self.file.name}.conf."
            raise LoadError(str(self.file), alone.line, problem, advice)
        return alone is None


def _stands_alone(statement: Sql) -> bool:
    """Whether Flyway takes it for one that cannot be in a transaction: by its first words, and no other."""
    return _ALONE.match(statement.refuses_block or statement.text) is not None


def _either(said: bool | None, otherwise: bool) -> bool:
    return otherwise if said is None else said


def search_path(schema: str | None, *, local: bool = False) -> Sql:
    """Puts the default schema in front of the search_path unless it is there; None: the one that is current.

    local: until the COMMIT of trek's own transaction, so that nothing is to be put back, which costs more than a small script.
    """
    name = "pg_catalog.current_schema()" if schema is None else quote_literal(schema)
    path = "pg_catalog.current_setting('search_path')"
    return Sql(
        f"SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(',', pg_catalog.quote_ident(s), nullif(p, '')), "
        f"{quote_literal(local)}) FROM (SELECT {name}, {path}) AS t (s, p) "
        "WHERE p <> s AND NOT pg_catalog.starts_with(p, s || ',') "
        "AND EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = s)",
        changes_settings=not local,
    )


# --------------------------------------------------------------------------- <script>.conf
def configuration(text: str, file: str) -> Configuration:
    """What the lines `key=value` say. Raises `LoadError` for a key that Flyway does not know, or that trek does not do."""
    found = dict[str, bool]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip()[0] in "#!":
            continue
        match = _PROPERTY.fullmatch(line)
        name, value = (match[1], match[2].lower()) if match else (line.strip(), "")
        if problem := _refused(name, value):
            raise LoadError(file, number, problem, "Remove the line, or run this script with Flyway.")
        found[name] = value == "true"
    return Configuration(found.get("executeInTransaction"), found.get("placeholderReplacement"))


def _refused(name: str, value: str) -> str:
    if name == "encoding":
        return "" if value in ("utf-8", "utf8") else f"encoding={value}: trek reads UTF-8 only"
    if name == "shouldExecute":
        return "" if value == "true" else f"shouldExecute={value}, an expression that only Flyway can judge"
    if name not in ("executeInTransaction", "placeholderReplacement"):
        return f"{name!r} is no key of a script's configuration"
    return "" if value in ("true", "false") else f"{name}={value}, want true or false"
