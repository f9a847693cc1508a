"""docs/errors.md is whole: every error class, every case, each with heading, cause and cure."""

from __future__ import annotations

import inspect
import re

from tests.errors import page
from tests.errors.test_messages import CASES
from trek_core import errors
from trek_core.cli import _exit

ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (\d)(?:, .+)? \|$", re.MULTILINE)
SECTION = re.compile(r"^### .+\n", re.MULTILINE)
CLASSES = {name: found for name, found in vars(errors).items() if inspect.isclass(found)}


def test_every_error_class_stands_in_the_table_with_a_sentence_and_no_other() -> None:
    assert [name for name, _, _ in ROW.findall(page.PAGE.read_text())] == list(CLASSES)


def test_the_exit_codes_of_the_table_are_those_of_the_command() -> None:
    shown = {name: int(code) for name, _, code in ROW.findall(page.PAGE.read_text())}
    assert shown == {name: _exit._code(found.__new__(found)) for name, found in CLASSES.items()}


def test_every_case_has_one_block_and_every_block_a_case() -> None:
    assert sorted(page.names()) == sorted(case.name for case in CASES)


def test_every_block_stands_under_a_heading_of_its_own_with_cause_and_cure() -> None:
    text = page.PAGE.read_text()
    sections = SECTION.split(text.partition("\n## Folders and names")[2])[1:]
    bare = [part for part in sections if len(page.BLOCK.findall(part)) != 1 or not all(map(str.strip, around(part)))]
    assert bare == []
    assert len(sections) == len(CASES)


def around(section: str) -> tuple[str, str]:
    """What stands above the message and below it, in its section."""
    before, _, after = page.BLOCK.sub("\0", section.partition("\n## ")[0]).partition("\0")
    return before, after


def test_most_classes_that_a_user_meets_have_a_case() -> None:
    met = {case.error for case in CASES}
    bases = {errors.TrekError}
    plugins = {found for found in CLASSES.values() if issubclass(found, errors.PluginError)}
    assert set(CLASSES.values()) - met - bases - plugins == set()
