"""What the pages say of names, signatures, directives and settings is what the code says."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import ROOT, block, blocks, pages, read
from tests.docs.plugin_pages import EXAMPLES, HOOK_ON, PAGE_OF, Example, plugin_pages
from tests.docs.sessions import SESSIONS
from trek_asyncpg import AsyncpgBackend
from trek_core import LoadError, Migrator, contracts
from trek_core._config import configure
from trek_core.model import Direction, File, Source
from trek_core.plugin import TrekHooks
from trek_loaders import python, sql
from trek_loaders._directives import read_directives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.conftest import Reader

KINDS = {kind: page for kind, page in PAGE_OF.items() if kind is not TrekHooks}


# --------------------------------------------------------------------------- the plugin authors' page
def promised(kind: type) -> Iterator[str]:
    """What a heading must say for each public member of a contract."""
    if dataclasses.is_dataclass(kind):
        yield from (f"{kind.__name__}.{field.name}: {field.type}" for field in dataclasses.fields(kind))
        return
    for name, member in vars(kind).items():
        if isinstance(member, property):
            assert member.fget
            yield f"{kind.__name__}.{name}: {member.fget.__annotations__['return']}"
        elif inspect.isfunction(member) and not name.startswith("_"):
            yield f"{kind.__name__}.{name}{signature(member)}"


def signature(function: Any) -> str:
    """Without self, and with the annotations as they are written."""
    text = str(inspect.signature(function)).replace("'", "")
    return re.sub(r"^\(self(, )?", "(", text)


def headings(page: str) -> dict[str, str]:
    """Every heading of the page that is code, and the text below it."""
    parts = re.split(r"^#+ (.*)$", read(page), flags=re.MULTILINE)[1:]
    return {
        head.strip("`"): below.strip()
        for head, below in zip(parts[::2], parts[1::2], strict=True)
        if re.fullmatch(r"`[\w.]+[(:].*`", head)
    }


def test_every_hook_has_its_heading_with_its_signature_on_the_page_of_its_kind() -> None:
    hooks = {name: f"{name}{signature(hook)}" for name, hook in vars(TrekHooks).items() if name.startswith("trek_")}
    assert set(hooks) == set(HOOK_ON)
    shown = {head: page for page in plugin_pages() for head in headings(page) if head.startswith("trek_")}
    assert shown == {text: f"docs/plugins/{HOOK_ON[name]}" for name, text in hooks.items()}


@pytest.mark.parametrize("page", plugin_pages())
def test_every_member_of_a_contract_has_its_heading_with_its_signature(page: str) -> None:
    wanted = {text for kind, place in KINDS.items() if place == page for text in promised(kind)}
    assert {head for head in headings(page) if not head.startswith("trek_")} == wanted


def test_every_heading_has_its_sentences() -> None:
    bare = [
        head for page in plugin_pages() for head, below in headings(page).items() if not re.search(r"\w.*\.", below)
    ]
    assert bare == []


def test_no_contract_is_forgotten() -> None:
    assert set(contracts.__all__) == {kind.__name__ for kind in KINDS} | {"NoSettings"}


# --------------------------------------------------------------------------- names
@pytest.mark.parametrize("name", ["trek_core", "trek_asyncpg"])
def test_every_public_name_has_a_docstring_and_stands_in_a_page(name: str) -> None:
    package = importlib.import_module(name)
    text = "\n".join(map(read, pages()))
    for public in package.__all__:
        value = getattr(package, public)
        assert value.__doc__, public
        assert not value.__doc__.startswith(f"{public}("), f"{public} has only what dataclass makes"
        assert re.search(rf"\b{public}\b", text), public


def test_the_readme_names_every_method_of_the_migrator() -> None:
    (line,) = re.findall(r"`trek_core\.Migrator` is the object behind both: (.*?)\.\n", read("README.md"), re.DOTALL)
    methods = {name for name, value in vars(Migrator).items() if inspect.iscoroutinefunction(value) and name[0] != "_"}
    assert set(re.findall(r"`(\w+)`", line)) == methods


@pytest.mark.parametrize("door", ["trek_core.plugin", "trek_core.testing", "trek_asyncpg.testing"])
def test_every_name_of_an_authors_door_is_explained_in_a_table(door: str) -> None:
    explained = {
        name
        for page in plugin_pages()
        for part in re.findall(
            rf"^## [^\n]*`{re.escape(door)}`\n(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL
        )
        for cell in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
        for name in re.findall(r"`(\w+)", cell)
    }
    assert explained == set(importlib.import_module(door).__all__)


def test_names_that_the_examples_import_are_those_that_plugin_authors_may_import() -> None:
    for found in blocks("python", *plugin_pages()):
        for door, names in re.findall(r"^from (trek_\w+(?:\.\w+)*) import (.*)$", found.text, re.MULTILINE):
            module = importlib.import_module(door)
            for name in names.split(", "):
                assert name in getattr(module, "__all__", ("sql", "python", "load")), f"{found.place}: {door}.{name}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.module)
def test_an_example_has_less_than_forty_lines(example: Example) -> None:
    assert example.code_lines < 40


# --------------------------------------------------------------------------- directives
def directive_table() -> list[tuple[str, str]]:
    """The words for SQL and for Python of each row of README's table."""
    rows = re.findall(r"^\| `-- trek: (.*?)` \| `(.*?)` \|", read("README.md"), re.MULTILINE)
    assert rows
    return rows


def test_the_directives_of_the_readme_are_those_that_the_loader_knows() -> None:
    with pytest.raises(LoadError) as caught:
        sql.load(Source(File("0001_a.sql"), b"-- trek: no-such-thing\nSELECT 1;"))
    known = re.findall(r"directives are: (.*)\.", caught.value.advice)[0].split(", ")
    assert sorted(words.split()[0] for words, _ in directive_table()) == sorted(known)


@pytest.mark.parametrize(("words", "constant"), directive_table(), ids=lambda value: value)
def test_a_directive_of_the_readme_is_read_in_sql_and_in_python(words: str, constant: str) -> None:
    first = "SELECT 1;\n" if words == "down" else ""
    script = sql.load(Source(File("0003_a.sql"), f"{first}-- trek: {words}\nSELECT 1;\n".encode()))
    if words == "down":
        assert script.down is not None
        constant += "(connection):\n    pass"
    source = f"{constant}\n\nasync def upgrade(connection):\n    pass\n".encode()
    of_python = python.load(Source(File("0003_a.py"), source))
    assert (script.down is None, script.irreversible) == (of_python.down is None, of_python.irreversible)
    assert script.up is not None
    assert of_python.up is not None
    assert (script.up.mode == "autocommit") == (of_python.up.mode == "autocommit") == (words == "no-transaction")
    assert script.up.lock_timeout == of_python.up.lock_timeout
    found = python.read_constants(Source(File("0003_a.py"), source))
    assert found == read_directives("" if words == "down" else f"-- trek: {words}", "0003_a.sql")


# --------------------------------------------------------------------------- the folder of the README
def test_the_sql_of_the_readme_loads() -> None:
    script = sql.load(Source(File("0002_email.sql"), block("sql", "README.md", 1).encode()))
    assert script.up is not None
    assert script.down is not None
    assert script.up.lock_timeout == 2
    assert [body.statements[0].text for body in (script.up, script.down)] == [  # type: ignore[union-attr]
        "ALTER TABLE users ADD COLUMN email text",
        "ALTER TABLE users DROP COLUMN email",
    ]


async def test_the_folder_of_the_readme_goes_up_and_down(reader: Reader) -> None:
    (folder,) = [found.text for found in blocks("", "README.md") if found.text.startswith("migrations/\n")]
    up, down = block("sql", "README.md", 1).split("-- trek: down\n")
    py = "async def upgrade(connection):\n    await connection.execute('SELECT 1')\n"
    contents = {
        "0001_users.sql": "CREATE TABLE users (id int);\n-- trek: down\nDROP TABLE users;\n",
        "0002_email.up.sql": up,
        "0002_email.down.sql": down,
        "0003_backfill.py": f"{py}\n{py.replace('upgrade', 'downgrade')}",
    }
    assert re.findall(r"\b0\w+_\S+", folder) == list(contents)
    reader.has(contents)
    migrator = Migrator(AsyncpgBackend(reader.connection))
    assert [(ran.revision, ran.title) for ran in (await migrator.migrate()).ran] == [
        ("0001", "users"),
        ("0002", "email"),
        ("0003", "backfill"),
    ]
    assert [ran.verb for ran in (await migrator.migrate("base", Direction.down)).ran] == ["revert"] * 3


# --------------------------------------------------------------------------- configuration
_TOML = blocks("toml", *(page for page in pages() if page not in SESSIONS))
TOML = [found for found in _TOML if "[tool.trek]" in found.text]
POINTS = [found for found in _TOML if "entry-points" in found.text]


def test_every_toml_block_is_a_configuration_or_an_entry_point() -> None:
    assert len(TOML) + len(POINTS) == len(_TOML)
    assert len(POINTS) >= 3


@pytest.mark.parametrize("found", TOML, ids=lambda found: f"{found.page}-{found.number}")
def test_a_configuration_of_a_page_is_understood(found: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(found.text)
    said = tomllib.loads(found.text)["tool"]["trek"]
    common = {key: value for key, value in said.items() if key not in ("databases", "default-database")}
    for name in (None, *said.get("databases", ())):
        settings = configure(tmp_path, {}, database=name).settings
        own = common | (said["databases"][name] if name else {})
        if name or "default-database" not in said:
            wanted = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
            assert {key: getattr(settings, key.replace("-", "_")) for key in wanted} == wanted


def test_the_entry_points_are_in_the_group_of_the_projects_own() -> None:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert {group for found in POINTS for group in tomllib.loads(found.text)["project"]["entry-points"]} == set(own)
