"""What the words of a statement say: does a transaction block refuse it, does it end one, does it change settings.

The words are those of the splitter: keywords and plain names in lower case, everything else as it stands in the text.
Only what the text alone can tell: four more forms (CLUSTER and REINDEX of a partitioned table, DROP SUBSCRIPTION with a
slot, ALTER SUBSCRIPTION … SET (failover), CALL of a procedure that commits) depend on the catalogue.
Source: the callers of PreventInTransactionBlock() in PostgreSQL, each run on the versions 13 to 18.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Words = Sequence[str]

UNLOCKS = frozenset({"pg_advisory_unlock_all", '"pg_advisory_unlock_all"'})
_SETTERS = frozenset({"set_config", '"set_config"', "pg_settings", '"pg_settings"'})  # pg_settings can be updated
_LOCKS = frozenset(
    f"{quote}pg_{kind}advisory_lock{shared}{quote}"
    for quote in ("", '"')
    for kind in ("", "try_")
    for shared in ("", "_shared")
)
_KEEPING = _SETTERS | _LOCKS | {"pg_temp", '"pg_temp"'}
_TEMPORARY = frozenset({"temp", "temporary"})
_BEFORE_TEMP = frozenset({"or", "replace", "local", "global"})
TELLING = UNLOCKS | _KEEPING | _TEMPORARY
"""Words that mean something wherever they stand in a statement, however long it is."""

_OFF = frozenset({"false", "off", "0"})


def _by_first_word(*phrases: str) -> dict[str, list[str]]:
    words = {phrase.split()[0].lower() for phrase in phrases}
    return {word: [phrase for phrase in phrases if phrase.split()[0].lower() == word] for word in words}


_REFUSED = _by_first_word(
    "CREATE INDEX CONCURRENTLY",
    "CREATE UNIQUE INDEX CONCURRENTLY",
    "DROP INDEX CONCURRENTLY",
    "CREATE DATABASE",
    "DROP DATABASE",
    "CREATE TABLESPACE",
    "DROP TABLESPACE",
    "ALTER SYSTEM",
    "VACUUM",
    "COMMIT PREPARED",
    "ROLLBACK PREPARED",
    "DISCARD ALL",
)
_CONTROLS = _by_first_word("BEGIN", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE TRANSACTION")


def refuses_block(words: Words) -> str:
    """The words that make a transaction block refuse the statement, or nothing."""
    special = _SPECIAL.get(words[0])
    return _starting(words, _REFUSED) or (special(words) if special else "")


def controls_transaction(words: Words) -> str:
    """The words that begin or end a transaction, or nothing."""
    found = _starting(words, _CONTROLS)
    if found == "PREPARE TRANSACTION" and words[2:3] in (["as"], ["("]):
        return ""  # a prepared statement of that name
    if found == "ROLLBACK" and "to" in words:
        return ""  # to a savepoint
    return "" if words[1:2] == ["prepared"] else found


def changes_settings(words: Words) -> bool:
    """Whether the session may be another after the statement: its role, its settings, or what it keeps."""
    if words[0] == "set":
        return words[1:2] not in (["constraints"], ["transaction"])  # SET LOCAL ROLE: the history must still be written
    return words[0] in _CHANGING or not _KEEPING.isdisjoint(words) or _keeps(words)


_CHANGING = frozenset({"reset", "discard", "do", "call", "listen", "unlisten", "prepare", "deallocate", "close"})


def _keeps(words: Words) -> bool:
    """CREATE TEMP, SELECT … INTO TEMP, a cursor WITH HOLD."""
    if words[0] == "create":
        return next((word for word in words[1:5] if word not in _BEFORE_TEMP), "") in _TEMPORARY
    if words[0] == "declare":
        return "hold" in words
    return words[0] in ("select", "with") and "into" in words and not _TEMPORARY.isdisjoint(words)


def reads_stdin(words: Words) -> bool:
    """Whether it is a COPY that waits for data. FROM STDOUT means the same to PostgreSQL's grammar."""
    if words[0] != "copy" or words[1:2] == ["("] or "from" not in words:
        return False
    at = words.index("from") + 1
    return words[at : at + 1] in (["stdin"], ["stdout"])


def _starting(words: Words, phrases: dict[str, list[str]]) -> str:
    if words[0] not in phrases:
        return ""
    beginning = " ".join(words[:4]).upper() + " "
    return next((phrase for phrase in phrases[words[0]] if beginning.startswith(f"{phrase} ")), "")


def _options(words: Words, at: int) -> tuple[dict[str, str], int]:
    """The list in parentheses that stands at `at`, as name and value, and where it ends."""
    if words[at : at + 1] != ["("] or ")" not in words[at:]:
        return {}, at
    end = words.index(")", at)
    found: dict[str, str] = {}
    name = ""
    for before, word in zip(words[at:end], words[at + 1 : end], strict=False):
        if before in ("(", ","):
            name = word.strip('"')
            found[name] = ""
        elif word not in ("=", ","):
            found[name] = word.strip("'").lower()
    return found, end + 1


def _is_on(options: dict[str, str], name: str) -> bool:
    return name in options and options[name] not in _OFF


def _alter(words: Words) -> str:
    if words[1:2] == ["subscription"]:
        return _alter_subscription(words)
    change = words[4:] if words[3:4] in (["set"], ["with"]) else words[3:]
    if words[1:2] == ["database"] and change[:1] == ["tablespace"]:
        return "ALTER DATABASE … SET TABLESPACE"
    if words[1:2] == ["table"] and "detach" in words and words[-1] == "concurrently":
        return "ALTER TABLE … DETACH PARTITION … CONCURRENTLY"
    return ""


def _alter_subscription(words: Words) -> str:
    """On a disabled subscription a refresh fails anywhere, so an enabled one may be taken for granted."""
    change = words[3:5]
    options, _ = _options(words, words.index("with") + 1 if "with" in words else 4)
    if change == ["refresh", "publication"]:
        return "ALTER SUBSCRIPTION … REFRESH PUBLICATION"
    if change[1:] == ["publication"] and options.get("refresh") not in _OFF:
        return f"ALTER SUBSCRIPTION … {change[0].upper()} PUBLICATION"
    if change == ["set", "("] and options.get("two_phase") in _OFF:
        return "ALTER SUBSCRIPTION … SET (two_phase = false)"
    return ""


def _create(words: Words) -> str:
    if words[1:2] != ["subscription"]:
        return ""
    options, _ = _options(words, words.index("with") + 1 if "with" in words else len(words))
    slotless = options.get("connect") in _OFF or options.get("create_slot") in _OFF
    return "" if slotless else "CREATE SUBSCRIPTION"


def _reindex(words: Words) -> str:
    options, at = _options(words, 1)
    if _is_on(options, "concurrently") or words[at + 1 : at + 2] == ["concurrently"]:
        return "REINDEX CONCURRENTLY"
    kind = "".join(words[at : at + 1])
    return f"REINDEX {kind.upper()}" if kind in ("schema", "database", "system") else ""


def _whole_database(words: Words) -> str:
    """CLUSTER and REPACK name no table: every table in a transaction of its own."""
    options, at = _options(words, 1)
    name = words[0].upper()
    if _is_on(options, "concurrently"):
        return f"{name} CONCURRENTLY"
    table = [word for word in words[at:] if word != "verbose"]
    return f"{name} without a table" if not table or table == ["using", "index"] else ""


_SPECIAL: dict[str, Callable[[Words], str]] = {
    "alter": _alter,
    "create": _create,
    "reindex": _reindex,
    "cluster": _whole_database,
    "repack": _whole_database,
}
