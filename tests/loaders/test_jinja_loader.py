"""Templates: what Jinja renders is read as SQL, and every line is the template's."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.folders import applied, tables, write
from trek_asyncpg import migrate
from trek_core import LoadError, MigrationFailed, PluginConflict
from trek_core.plugin import Body, Call, Direction, File, Script, Source, TrekHooks, hookimpl
from trek_core.testing import LoaderCase, LoaderSuite
from trek_loaders import jinja

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from trek_core.plugin import Loader

LOADER = jinja.loader({"owner": "shop", "tables": ["a", "b"]})
FULL = """\
-- trek: requires 0001
{# tables of each tenant #}
{% set tenants = ["a", "b"] %}
{% for tenant in tenants %}
CREATE TABLE {{ tenant }} (id int);
GRANT SELECT ON {{ tenant }}
    TO {{ owner }};
{% endfor %}
SELECT '{{ "it''s" }}';

-- trek: down
{% for tenant in tenants | reverse %}
DROP TABLE {{ tenant }};
{%- endfor %}
"""
MACRO = "{% macro drop(name) %}\nDROP TABLE {{ name }};\n{% endmacro %}\n{{ drop('x') }}\nSELECT 1;\n"


class TestJinja(LoaderSuite):
    def case(self) -> LoaderCase:
        bad = {
            "1_syntax.sql.j2": "SELECT 1;\n{% for %}",
            "2_undefined.sql.j2": "SELECT {{ nobody }};",
            "3_include.sql.j2": "{% include 'other.sql' %}",
            "4_outside.sql.j2": "SELECT {{ ''.__class__ }};",
            "5_nothing.sql.j2": "{% if false %}SELECT 1;{% endif %}",
            "6_sql.sql.j2": 'SELECT {{ "\'" }};',
            "7_zero.sql.j2": "SELECT {{ 1 / 0 }};",
        }
        return LoaderCase(LOADER, good={"1_full.sql.j2": FULL, "2_macro.sql.j2": MACRO}, bad=bad)


def load(text: str, loader: Loader = LOADER, direction: Direction | None = None) -> Script:
    return loader.load(Source(File("1_a.sql.j2", "migrations"), text.encode(), direction))


def refused(text: str, loader: Loader = LOADER) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load(text, loader)
    assert caught.value.path == "migrations/1_a.sql.j2"
    return caught.value


def lines(body: Body | None) -> list[tuple[int, str]]:
    assert body is not None
    found = []
    for statement in body.statements:
        assert not isinstance(statement, Call)
        found.append((statement.line, " ".join(statement.text.split())))
    return found


# ----------------------------------------------------------------------- lines
def test_every_statement_has_the_line_of_the_template_where_it_stands() -> None:
    script = load(FULL)
    a, b = [(5, "CREATE TABLE a (id int)"), (6, "GRANT SELECT ON a TO shop")], [(5, "CREATE TABLE b (id int)")]
    assert lines(script.up) == [*a, *b, (6, "GRANT SELECT ON b TO shop"), (9, "SELECT 'it''s'")]
    assert lines(script.down) == [(13, "DROP TABLE b"), (13, "DROP TABLE a")]


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        (
            "{% if false %}\nSELECT 0;\n{% elif true %}\nSELECT 1;\n{% else %}\nSELECT 2;\n{% endif %}\nSELECT 3;",
            [4, 8],
        ),
        ("{% for x in [] %}{% else %}\nSELECT 1;\n{% endfor %}\nSELECT 2;", [2, 4]),
        ("{% with x = 1 %}\n\nSELECT {{ x }};\n{% endwith %}\nSELECT 2;", [3, 5]),
        ("{#\n\n#}\n\n{%- raw %}\nSELECT '{{';\n{% endraw %}SELECT 2;", [6, 7]),
        ("{{ 'SELECT 1;\n\nSELECT 2;' }}\nSELECT 3;", [1, 1, 4]),
    ],
    ids=["if", "for-else", "with", "raw", "a text over three lines"],
)
def test_lines_are_right_inside_and_after_every_tag(template: str, wanted: list[int]) -> None:
    assert [line for line, _ in lines(load(template).up)] == wanted


@pytest.mark.parametrize(
    "made",
    [
        "{{ two() }}",
        "{% call around() %}SELECT 1;\n\nSELECT 2;{% endcall %}",
        "{% filter lower %}SELECT 1;\n\nSELECT 2;{% endfilter %}",
        "{{ text }}",
        "{% for x in [1, 2] recursive %}SELECT {{ x }};\n\n{% endfor %}",
    ],
    ids=["macro", "call", "filter", "set", "recursive loop"],
)
def test_what_was_captured_has_the_line_where_it_is_put_in(made: str) -> None:
    top = "{% macro around() %}{{ caller() }}{% endmacro %}{% macro two() %}SELECT 1;\n\nSELECT 2;\n{% endmacro %}"
    top += "{% set text %}SELECT 1;\n\nSELECT 2;\n{% endset %}\n\n"
    found = lines(load(f"{top}{made}\n-- trek: down\nSELECT 3;").up)
    assert [line for line, _ in found] == [9, 9]


def test_a_template_sees_no_marks_in_what_it_captured() -> None:
    template = "{% set x %}app{% endset %}{% if x == 'app' and x | length == 3 %}SELECT 1;{% endif %}"
    assert lines(load(template).up) == [(1, "SELECT 1")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_crlf_and_a_bom_change_no_line(end: str) -> None:
    assert lines(load("\ufeff" + FULL.replace("\n", end)).up) == lines(load(FULL).up)


def test_an_error_of_the_sql_has_the_template_s_lines_also_in_its_text() -> None:
    error = refused("{% for x in [1, 2, 3] %}\nSELECT {{ x }};\n{% endfor %}\nCREATE INDEX CONCURRENTLY i ON t (x);")
    assert error.line == 4
    assert "the statement in line 2 can" in error.problem
    assert "\n  line 4: CREATE INDEX CONCURRENTLY i ON t (x)\n  line 2: SELECT 1" in error.problem


TAGS = (
    ("for x in [1, 2]", "endfor"),
    ("for x in []", "endfor"),
    ("if true", "endif"),
    ("if false", "endif"),
    ("with y = 1", "endwith"),
    ("raw", "endraw"),
)
LINE = "SELECT @;"  # the number of its own line is put in


@st.composite
def template_lines(draw: st.DrawFn, depth: int = 3) -> list[str]:
    """Lines of a template: statements that say in which line they stand, and what may stand around them."""
    found: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["line", "line", "blank", "comment", "two", "set", "tag"]))
        if kind == "tag" and depth:
            begin, end = draw(st.sampled_from(TAGS))
            within = [LINE] if begin == "raw" else draw(template_lines(depth - 1))
            found += [_tag(draw, begin), *within, _tag(draw, end)]
        else:
            found += {
                "blank": [""],
                "comment": ["{# a", "b #}"],
                "two": [f"{LINE} {LINE}"],
                "set": ["{% set z = 1 %}"],
            }.get(kind, [LINE])
    return found


def _tag(draw: st.DrawFn, word: str) -> str:
    before, after = (draw(st.sampled_from(["", "-", "+"])) for _ in range(2))
    return f"{{%{before} {word} {'' if after == '+' and 'raw' in word else after}%}}"


@given(template_lines(), st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_around_it_a_statement_has_the_line_where_it_stands(parts: list[str], end: str) -> None:
    numbered = [part.replace("@", str(number)) for number, part in enumerate(parts, 2)]
    script = load(end.join(["SELECT 1;", *numbered]))
    assert all(text == f"SELECT {line}" for line, text in lines(script.up))


WORDS = "for x in [1] endfor if endif macro f() endmacro block b endblock set = endset filter upper endfilter call raw endraw"
SIGNS = "{{ }} {% %} {# #} {%- -%} | - ' $$ ( ) . loop self 1e999 ** 9 \\0"
TOKENS = (*(f" {word} " for word in WORDS.split()), *SIGNS.split(), "\n", "\r", '"', "SELECT 1;", "-- trek: down\n")


@given(st.lists(st.sampled_from(TOKENS), max_size=20).map("".join))
def test_any_text_gives_a_script_or_an_error_with_a_line_that_is_there(text: str) -> None:
    try:
        script = load(text)
    except LoadError as error:
        found = [error.line or 1]
    else:
        found = [line for body in (script.up, script.down) if body for line, _ in lines(body)]
    assert all(1 <= line <= text.count("\n") + 1 for line in found)


# ----------------------------------------------------------------------- what Jinja refuses
@pytest.mark.parametrize(
    ("template", "line", "problem"),
    [
        ("SELECT 1;\n{% if %}", 2, "the template: Expected an expression, got 'end of statement block'"),
        ("SELECT 1;\n\nSELECT {{ nobody }};", 3, "the template: 'nobody' is undefined"),
        ("SELECT 1;\nSELECT {{ ''.__class__ }};", 2, "the template: access to attribute '__class__' of 'str' object"),
        ("{% macro f() %}\n{{ 1 / 0 }}\n{% endmacro %}\n{{ f() }}", 2, "the template: ZeroDivisionError: division by"),
        ("\n{{ tables.append('c') }}", 2, "the template: access to attribute 'append' of 'list' object is unsafe"),
        ("\n{{ range(10 ** 9) | list }}", 2, "the template: OverflowError: Range too big"),
        ("{{ '\\ud800' }}", None, "the template: UnicodeEncodeError"),
        ("\n{{ [1, 2] | random }}", 2, "the template: No filter named 'random'"),
    ],
)
def test_a_refusal_has_the_template_s_line(template: str, line: int | None, problem: str) -> None:
    error = refused(template)
    assert (error.line, error.problem[: len(problem)]) == (line, problem)


def test_an_undefined_name_is_told_which_values_there_are() -> None:
    assert refused("{{ nobody }}").advice.startswith("Values that were given: owner, tables. Set it in the template")
    assert refused("{{ nobody }}", jinja.loader()).advice.startswith("Values that were given: none.")


@pytest.mark.parametrize("tag", ["include 'x'", "extends 'x'", "import 'x' as y", "from 'x' import y"])
def test_no_template_reads_another_file(tag: str) -> None:
    error = refused(f"SELECT 1;\n{{% {tag} %}}")
    assert error.line == 2
    assert "reads another file, and a migration is one file" in error.problem


@pytest.mark.parametrize("directive", ["requires 0001", "replaces 0001..0003"])
def test_a_directive_that_only_jinja_would_see_is_refused(directive: str) -> None:
    assert "stands where only Jinja sees it" in refused(f"{{% set x = 1 %}}\n-- trek: {directive}\nSELECT 1;").problem
    assert load(f"-- trek: {directive}\n{{% set x = 1 %}}\nSELECT 1;").up is not None


# ----------------------------------------------------------------------- values and environments
def test_an_environment_of_one_s_own_brings_its_filters_and_may_include_what_it_holds() -> None:
    environment = jinja2.Environment(loader=jinja2.DictLoader({"grant": "GRANT ALL ON t TO {{ owner }};"}))
    environment.filters["shout"] = str.upper
    mine = jinja.loader({"owner": "shop"}, environment, name="mine", suffixes=(".sqlt",))
    assert (mine.name, mine.suffixes) == ("mine", (".sqlt",))
    found = lines(load("SELECT '{{ owner | shout }}';\n{% include 'grant' %}", mine).up)
    assert found == [(1, "SELECT 'SHOP'"), (2, "GRANT ALL ON t TO shop")]


def test_values_are_those_that_were_given_when_the_loader_was_made() -> None:
    values = {"owner": "shop"}
    mine = jinja.loader(values)
    values["owner"] = "somebody else"
    assert lines(load("SELECT '{{ owner }}';", mine).up) == [(1, "SELECT 'shop'")]


# ----------------------------------------------------------------------- the extra
def python(code: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_without_jinja_a_template_is_an_error_that_says_what_to_install() -> None:
    told = python("""
        import sys
        sys.modules["jinja2"] = None  # as if it were not installed
        from trek_core.plugin import File, LoadError, Source
        from trek_loaders import jinja
        (loader,) = jinja.trek_register_loaders()
        try:
            loader.load(Source(File("1_a.sql.j2"), b"SELECT 1;"))
        except LoadError as error:
            print(error)
    """)
    problem = "1_a.sql.j2: it is a Jinja template, and Jinja is not installed"
    assert told == f"{problem}\nInstall it: pip install 'trek-migrate[jinja]'"


def test_jinja_is_imported_when_the_first_template_is_loaded() -> None:
    assert python("import sys, trek_loaders.jinja as j; j.trek_register_loaders(); print('jinja2' in sys.modules)") == (
        "False"
    )


# ----------------------------------------------------------------------- runs
PAIR = {
    "0001_a.up.sql.j2": "{% for name in ['a', 'b'] %}\nCREATE TABLE {{ name }} (id int);\n{% endfor %}\n",
    "0001_a.down.sql.j2": "DROP TABLE {{ ['a', 'b'] | join(', ') }};\n",
}


async def test_a_pair_of_templates_goes_up_and_down(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, PAIR)
    await migrate(connection, folder)
    assert (await applied(connection), await tables(connection)) == (["0001"], {"a", "b"})
    await migrate(connection, folder, "base")
    assert await tables(connection) == set()


async def test_templates_stand_beside_plain_files_and_require_them(connection: Connection, tmp_path: Path) -> None:
    three = {
        "0001_a.sql": "CREATE TABLE a (id int);",
        "0003_c.sql": "-- trek: requires 0001\nCREATE TABLE c (id int);",
        "0002_b.sql.j2": "-- trek: requires 0003\n{% set name = 'b' %}\nCREATE TABLE {{ name }} AS TABLE c;",
    }
    await migrate(connection, write(tmp_path, three))
    assert await applied(connection) == ["0001", "0003", "0002"]


async def test_a_failure_in_the_database_is_laid_at_the_template_s_line(connection: Connection, tmp_path: Path) -> None:
    text = "{% for name in ['a', 'b'] %}\nCREATE TABLE {{ name }} (id int);\n{% endfor %}\nSELECT nonsense;\n"
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, write(tmp_path, {"0001_a.sql.j2": text}))
    assert str(failed.value).startswith(f"{tmp_path}/0001_a.sql.j2:4:8: applying 0001 a failed")


async def test_values_come_from_a_plugin_given_by_hand(connection: Connection, tmp_path: Path) -> None:
    class Shop(TrekHooks):
        @hookimpl
        def trek_register_loaders(self) -> list[Loader]:
            return [jinja.loader({"owner": "shop"}, name="shop")]

    folder = write(tmp_path, {"0001_a.sql.j2": "CREATE TABLE {{ owner }} (id int);"})
    with pytest.raises(PluginConflict, match=r"suffix '\.sql\.j2' is taken by plugin 'shop-j2'"):
        await migrate(connection, folder, plugins=[("shop-j2", Shop())])
    await migrate(connection, folder, plugins=[("shop-j2", Shop())], disable_plugins=["jinja"])
    assert await tables(connection) == {"shop"}
