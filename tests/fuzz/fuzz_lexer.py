"""The splitter against libpg_query, PostgreSQL's own scanner and grammar, on scripts made to be nasty.

By hand: python tests/fuzz/fuzz_lexer.py --scripts 100000 --seed 7
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import postgast

from trek_core.errors import LoadError
from trek_loaders._lexer import split
from trek_loaders._scanner import Scanner

T = TypeVar("T")
COMMENTS = {postgast.pg_query_pb2.Token.Value("SQL_COMMENT"), postgast.pg_query_pb2.Token.Value("C_COMMENT")}
MARKS = ";()"
# libpg_query makes tokens of comments, and so ends a string before a comment where PostgreSQL continues it behind the
# comment (seen on PostgreSQL 18.6: select e'' -- c, then a new line with '\\'' gives one quote). It has no say there.
CONTINUED_BEHIND_COMMENT = re.compile(r"'(?:\s|--[^\r\n]*[\r\n])*--[^\r\n]*[\r\n](?:\s|--[^\r\n]*[\r\n])*'")
SOUP = [
    *";();();(\\'\"$ 1.+-*/@ae_äé\xa0",
    "\n",
    "\r\n",
    "\t",
    "''",
    '""',
    "E'",
    "e'",
    "\\'",
    "U&'",
    'u&"',
    "b'",
    "X'",
    "n'",
    "$$",
    "$$",
    "$a$",
    "$A$",
    "$é$",
    "$1",
    "--",
    "/*",
    "*/",
    "/*",
    "*/",
    "'\n'",
    "' -- c\n '",
    "end",
    "begin",
]


@dataclass
class Outcome:
    """What a run found. `compared` scripts were taken by both, `refused` by neither; the rest say nothing."""

    compared: int = 0
    refused: int = 0
    mismatches: list[str] = field(default_factory=list)


def fuzz_scripts(count: int, seed: int) -> Outcome:
    """Grammatical scripts: the same statements, at the same offsets, as the parser sees."""
    outcome, nasty = Outcome(), Nasty(random.Random(seed))
    for _ in range(count):
        _compare(outcome, nasty.script(), _parsed, _split)
    return outcome


def fuzz_soup(count: int, seed: int) -> Outcome:
    """Fragments in any order: the same `;` and parentheses outside of strings and comments as the scanner sees."""
    outcome, dice = Outcome(), random.Random(seed)
    for _ in range(count):
        soup = "".join(dice.choices(SOUP, k=dice.randint(1, 25)))
        if not CONTINUED_BEHIND_COMMENT.search(soup):
            _compare(outcome, soup, _scanned_marks, _marks)
    return outcome


def _compare(outcome: Outcome, script: str, theirs: Callable[[str], object], ours: Callable[[str], object]) -> None:
    expected, found = theirs(script), ours(script)
    if expected == found and expected == "unterminated":
        outcome.refused += 1
    elif expected == found:
        outcome.compared += 1
    elif expected != "no opinion" and found != "psql":
        outcome.mismatches.append(f"{script!r}\n  libpg_query: {expected}\n  trek: {found}")


def _split(script: str) -> object:
    try:
        return [(statement.offset, statement.text) for statement in split(script)]
    except LoadError as error:
        return _reason(error)


def _marks(script: str) -> object:
    try:
        return [token.start for token in Scanner(script) if token.word in MARKS]
    except LoadError as error:
        return _reason(error)


def _reason(error: LoadError) -> str:
    return "psql" if "\\" in error.problem.split(" ")[0] else "unterminated"


def _parsed(script: str) -> object:
    try:
        statements = postgast.parse(script).stmts
        tokens = [token for token in postgast.scan(script).tokens if token.token not in COMMENTS]
    except postgast.PgQueryError as error:
        return _opinion(error)
    source = script.encode()
    found = []
    for statement in statements:
        begin = statement.stmt_location
        end = begin + statement.stmt_len if statement.stmt_len else len(source)
        inside = [token for token in tokens if begin <= token.start and token.end <= end]
        last = inside[-1].end
        found.append((len(source[:begin].decode()), source[begin:last].decode()))
    return found


def _scanned_marks(script: str) -> object:
    try:
        tokens = postgast.scan(script).tokens
    except postgast.PgQueryError as error:
        return _opinion(error)
    source = script.encode()
    return [len(source[: token.start].decode()) for token in tokens if token.token in map(ord, MARKS)]


def _opinion(error: Exception) -> str:
    return "unterminated" if "unterminated" in str(error) else "no opinion"


class Nasty:
    """Makes scripts of valid statements out of the literals, names and gaps that splitters trip over."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self._random = dice, dice.random

    def script(self) -> str:
        parts = []
        for _ in range(self.dice.randint(1, 5)):
            parts += [
                self._gap(),
                self._glue(self._statement()),
                self._gap(),
                self._one_of([";", ";", ";;", "; ;"]),
            ]
        if self._random() < 0.3:
            parts.pop()
        return "".join(parts) + self._gap()

    def _pick(self, *choices: str) -> str:
        return choices[int(self._random() * len(choices))]

    def _one_of(self, choices: list[T]) -> T:
        """As `Random.choice`, which takes three times as long: half of a run is dice."""
        return choices[int(self._random() * len(choices))]

    def _gap(self) -> str:
        inner = self._pick("c", ";", "'", '"', "$$", "/* ; */", "--", "é;", "end;", "\\", "$a$ ;", "**", "/")
        comment = self._pick(f"/*{inner} */", f"--{inner}\n", f"-- {inner}\r\n", "/**/", "/*/**/*/")
        blank = self._pick(" ", "\n", "\t", "  ", "\r\n", "\f")
        return self._pick("", "", blank, comment, blank + comment)

    def _glue(self, tokens: list[str]) -> str:
        text = ""
        for token in tokens:
            gap = self._gap()
            if not gap and text and (text[-1].isalnum() or text[-1] in "_$'\"" or ord(text[-1]) > 127):
                gap = " "
            text += gap + token if text else token
        return text

    def _string(self) -> str:
        inner = self._pick("a", ";", "''", "--", "/*", '"', "$$", "é", "a;b", "", "\n", "\\", "end;", "$a$")
        escaped = self._pick(r"\'", r"\\", "''", r"\n", r"\'';", ";", r"\\\'", "é")
        tag = self._pick("", "a", "A", "é", "_1", "body")
        body = self._pick(";", "'", "$x$ ; $x$", "--", "/*", "$ $", "$1;", '"', "a$", "begin; end;")
        return self._pick(
            f"'{inner}'",
            f"E'{escaped}'",
            f"e'{escaped}'\n'{escaped}'",
            f"E'{escaped}' \n\n  '{escaped}'",
            f"'a'\n'{inner}'",
            f"N'{inner.replace(chr(92), '')}'",
            "B'01'",
            "x'1F'",
            f"U&'d!0061;{self._pick('', ';', '--')}' uescape '!'",
            f"$${self._pick(';', 'a', '--', '/*', chr(39))}$$",
            f"${tag}${body}${tag}$",
        )

    def _name(self) -> str:
        return self._pick(
            "a", "t", "a$b$c", "ä", "_x", "tab1", '"a;b"', '"a""b;"', '"it\'s"', 'U&"x;y"', '"--"', "begin", "atomic"
        )

    def _label(self) -> list[str]:
        return self._one_of([[], [], ["as", "end"], ["end"], ["as", "case"], ["as", "begin"], ["x"], ["as", '"e;"']])

    def _expression(self, depth: int = 0) -> list[str]:
        if depth > 2 or self._random() < 0.5:
            return [self._one_of([self._string(), self._name(), "$1", "1", "1.5e3", ".5", "0x1F", "null", "t.end"])]
        left, right = self._expression(depth + 1), self._expression(depth + 1)
        operator = self._pick("+", "-", "*", "/", "||", "<>", "->>", "#>", "@>", "?", "@-", "&&", "=")
        return self._one_of(
            [
                [*left, operator, *right],
                ["(", *left, operator, *right, ")"],
                ["case", "when", *left, "then", *right, "else", "1", "end"],
                ["f", "(", *left, ",", *right, ")"],
                ["(", "select", *left, ")"],
                ["array", "[", *left, ",", *right, "]"],
            ]
        )

    def _query(self) -> list[str]:
        source = self._one_of([[], ["from", self._name()], ["from", "t", "where", *self._expression()]])
        return ["select", *self._expression(), *self._label(), *source]

    def _statement(self) -> list[str]:
        make = self._one_of([self._query, self._query, self._query, self._other, self._other, self._routine])
        return make()

    def _other(self) -> list[str]:
        return self._one_of(
            [
                ["insert", "into", "t", "values", "(", *self._expression(), ")"],
                ["do", self._dollar()],
                ["begin"],
                ["end"],
                ["commit"],
                ["start", "transaction"],
                ["create", "table", self._name(), "(", self._name(), "int", ",", "begin", "int", ")"],
                [
                    "create",
                    "rule",
                    "r",
                    "as",
                    "on",
                    "insert",
                    "to",
                    "t",
                    "do",
                    "also",
                    "(",
                    *self._query(),
                    ";",
                    "delete",
                    "from",
                    "t",
                    ";",
                    ")",
                ],
                ["copy", "t", "from", "'f;'"],
                ["copy", "(", *self._query(), ")", "to", "stdout"],
                ["prepare", "p", "as", *self._query()],
                ["create", "unique", "index", "concurrently", "i", "on", "t", "(", "a", ")"],
                ["comment", "on", "table", "t", "is", self._pick("'a;''b'", "E'\\';'", "null")],
                [
                    "create",
                    "schema",
                    "s",
                    "create",
                    "table",
                    "u",
                    "(",
                    "a",
                    "int",
                    ")",
                    "grant",
                    "select",
                    "on",
                    "u",
                    "to",
                    "public",
                ],
                ["with", "q", "as", "(", *self._query(), ")", *self._query()],
            ]
        )

    def _dollar(self) -> str:
        tag = self._pick("", "a", "body", "é")
        return f"${tag}$ begin {self._pick('perform 1;', '-- $b$', 'x := $q$;$q$;')} end; ${tag}$"

    def _routine(self) -> list[str]:
        kind = self._pick("function", "procedure")
        head = ["create", *self._one_of([[], ["or", "replace"]]), kind, self._pick("f", "g", '"f;"')]
        head += ["(", *self._one_of([[], ["a", "int", "default", "1"], ["begin", "int"]]), ")"]
        head += ["returns", "int"] if kind == "function" else []
        head += self._one_of([[], ["language", "sql"], ["set", "x", "to", "1"]])
        if self._random() < 0.3:
            return [*head, "as", self._dollar()]
        inside: list[str] = []
        for _ in range(self.dice.randint(0, 3)):
            inside += [*self._one_of([self._query, self._query, self._other_inside])(), ";"]
        return [*head, "begin", "atomic", *inside, "end"]

    def _other_inside(self) -> list[str]:
        return self._one_of(
            [
                ["insert", "into", "t", "values", "(", *self._expression(), ")"],
                ["return", *self._expression()],
                ["delete", "from", "t", "where", *self._expression()],
                [],
            ]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    for run in (fuzz_scripts, fuzz_soup):
        outcome = run(arguments.scripts, arguments.seed)
        print(  # noqa: T201 - a script
            f"{run.__name__}: seed {arguments.seed}, {arguments.scripts} scripts, {outcome.compared} compared, "
            f"{outcome.refused} refused by both, {len(outcome.mismatches)} mismatches"
        )
        print("\n".join(outcome.mismatches[:10]))  # noqa: T201


if __name__ == "__main__":
    main()
