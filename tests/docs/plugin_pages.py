"""The pages for plugin authors: their blocks that are written from the code, and their examples.

`TREK_WRITE_CONTRACT=1 python -m pytest tests/docs` writes the blocks of sentences, kits and messages anew; the prose stays.
"""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import dataclass

from tests.docs.pages import ROOT, block, pages, read
from trek_core import contracts, testing
from trek_core.plugin import TrekHooks
from trek_core.testing._sentences import sentences
from trek_core.testing._suite import Suite

FOLDER = "docs/plugins"
README = f"{FOLDER}/README.md"
TESTING = f"{FOLDER}/testing.md"
WRITES = "TREK_WRITE_CONTRACT"
PAGE_OF: dict[type, str] = {
    TrekHooks: README,
    contracts.Loader: f"{FOLDER}/loader.md",
    contracts.Layout: f"{FOLDER}/layout.md",
    contracts.Tree: f"{FOLDER}/layout.md",
    contracts.Catalog: f"{FOLDER}/layout.md",
    contracts.VersionStore: f"{FOLDER}/version-store.md",
    contracts.Executor: f"{FOLDER}/executor.md",
    contracts.DumpExecutor: f"{FOLDER}/executor.md",
    contracts.ScratchExecutor: f"{FOLDER}/executor.md",
    contracts.ExecutorProvider: f"{FOLDER}/executor.md",
    contracts.Observer: f"{FOLDER}/observer.md",
    contracts.Provider: f"{FOLDER}/settings.md",
}
HOOK_ON = {
    "trek_register_loaders": "loader.md",
    "trek_register_layouts": "layout.md",
    "trek_register_version_stores": "version-store.md",
    "trek_register_executors": "executor.md",
    "trek_register_observers": "observer.md",
    "trek_register_signs": "layout.md",
}
_CONTRACT = re.compile(r"<!-- contract: ([\w.]+) -->\n(.*?)<!-- /contract -->\n", re.DOTALL)
_KIT = re.compile(r"<!-- kit: (\w+) -->\n(.*?)<!-- /kit -->\n", re.DOTALL)
_MESSAGE = re.compile(r"<!-- message: ([a-z0-9-]+) -->\n(?:```text\n(.*?)\n```\n)?", re.DOTALL)


def plugin_pages() -> list[str]:
    return [page for page in pages() if page.startswith(f"{FOLDER}/")]


# --------------------------------------------------------------------------- examples
@dataclass(frozen=True, slots=True)
class Example:
    """The plugin of a page: its first Python block, how it is used, and the test class that holds it to the contract."""

    page: str
    module: str
    point: str

    @property
    def text(self) -> str:
        return block("python", self.page, 1)

    @property
    def use(self) -> str:
        return block("python", self.page, 2)

    @property
    def test(self) -> str:
        return block("python", self.page, 3)

    @property
    def code_lines(self) -> int:
        return sum(bool(line.strip()) and line.strip()[0] != "#" for line in self.text.splitlines())


SQLX = Example(f"{FOLDER}/loader.md", "shop_sqlx", "sqlx")
FOLDERS = Example(f"{FOLDER}/layout.md", "shop_folders", "shop-folders")
STORE = Example(f"{FOLDER}/version-store.md", "shop_store", "shop")
SECRET = Example(f"{FOLDER}/executor.md", "shop_secret", "secret")
LOG = Example(f"{FOLDER}/observer.md", "shop_log", "shop-log")
EXAMPLES = (SQLX, FOLDERS, STORE, SECRET, LOG)
SETTINGS = f"{FOLDER}/settings.md"
STATEMENTS = (STORE.page, 4)
"""A second example of a store, derived from the first."""


# --------------------------------------------------------------------------- sentences
def numbered() -> dict[str, list[str]]:
    """Class or Class.method -> the numbers of the sentences in its docstring."""
    found = {}
    for kind in PAGE_OF:
        members = {f"{kind.__name__}.{name}": value for name, value in vars(kind).items() if not name.startswith("_")}
        for holder, value in {kind.__name__: kind, **members}.items():
            if value is kind or inspect.isroutine(value) or isinstance(value, property):
                doc = inspect.cleandoc(value.__doc__ or "")
                found[holder] = re.findall(r"^([A-Z]\d+)\. ", doc, re.MULTILINE)
    return {holder: numbers for holder, numbers in found.items() if numbers}


def contract(holder: str) -> str:
    """The block of a holder, as its page must have it."""
    said = sentences()
    return "".join(f"- **{number}.** {said[number]}\n" for number in numbered().get(holder, []))


def contracts_on(page: str) -> dict[str, str]:
    return {found[1]: found[2] for found in _CONTRACT.finditer(read(page))}


def write_contracts(page: str) -> None:
    text = _CONTRACT.sub(lambda m: f"<!-- contract: {m[1]} -->\n{contract(m[1])}<!-- /contract -->\n", read(page))
    (ROOT / page).write_text(text, encoding="utf-8")


# --------------------------------------------------------------------------- kits
SUITES = (testing.LoaderSuite, testing.LayoutSuite, testing.VersionStoreSuite, testing.ExecutorSuite)


def kit(suite: type[Suite]) -> str:
    """The block of a suite: how many tests, and what an implementation may lack."""
    numbers = {number.upper() for name in suite.kit_tests() for number in re.findall(r"^test_([a-z]\d+)_", name)}
    rows = "".join(f"| `{name}` | {text} |\n" for name, text in suite.capabilities.items())
    counted = f"{len(suite.kit_tests())} tests of {len(numbers)} sentences. An implementation may lack:"
    return f"{counted}\n\n| capability | what that is |\n|---|---|\n{rows}"


def kits() -> dict[str, str]:
    return {found[1]: found[2] for found in _KIT.finditer(read(TESTING))}


def write_kits() -> None:
    said = {suite.__name__: kit(suite) for suite in SUITES}
    text = _KIT.sub(lambda m: f"<!-- kit: {m[1]} -->\n{said[m[1]]}<!-- /kit -->\n", read(TESTING))
    (ROOT / TESTING).write_text(text, encoding="utf-8")


# --------------------------------------------------------------------------- messages
def messages() -> dict[str, str]:
    """Name -> message as a page shows it."""
    return {found[1]: found[2] or "" for page in plugin_pages() for found in _MESSAGE.finditer(read(page))}


def hold_message(name: str, message: str) -> None:
    """Fails unless a page shows exactly this message; writes it there if the environment says so."""
    message = re.sub(r"[0-9a-f]{6,}>", "7f0000000000>", message)  # where an object lies
    if writing():
        for page in plugin_pages():
            text = _MESSAGE.sub(lambda m: _shown(name, message) if m[1] == name else m[0], read(page))
            (ROOT / page).write_text(text, encoding="utf-8")
    shown = messages()
    assert name in shown, f"no page has <!-- message: {name} -->"
    assert _own(shown[name]) == _own(message), f"a page shows another message: {WRITES}=1 python -m pytest tests/docs"


def _own(message: str) -> str:
    """The message without the words of Python's own errors, which its releases change."""
    return re.sub(r"(?<=raised TypeError: ).*", "…", message)


def writing() -> bool:
    return os.environ.get(WRITES, "") not in ("", "0")


def _shown(name: str, message: str) -> str:
    return f"<!-- message: {name} -->\n```text\n{message}\n```\n"
