"""The folders that the real tools left, looked at without a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_adopt import case_of
from trek_core._check import check_with
from trek_core.plugin import PluginHost
from trek_loaders.formats import TOOLS


@pytest.mark.parametrize("tool", [one for one in TOOLS if one != "liquibase"])  # its fixture holds the dump, too
def test_what_belongs_to_the_tool_is_not_mentioned_and_what_it_never_has_is_not_missed(
    tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tool)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    host = PluginHost()
    layout = host.layout(tool, case.layout_settings)
    found = check_with(str(case.path / case.folder), host, layout, layout.value.rules)
    told = {(one.name, one.path.rpartition("/")[2]) for one in found.findings}
    assert not {file for name, file in told if name == "ignored"}
    assert tool != "flyway" or not told


@pytest.mark.parametrize("tool", TOOLS)
def test_a_second_folder_is_read_by_the_tools_that_read_several_and_refused_of_the_others(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tool)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    for name, text in case.more.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    host = PluginHost()
    layout = host.layout(tool, case.layout_settings)
    found = check_with((str(case.path / case.folder), str(tmp_path)), host, layout, layout.value.rules)
    told = [one.message for one in found.findings if one.level == "error"]
    if tool in ("dbmate", "flyway", "yoyo"):
        assert not told
        assert case.more_revision in found.revisions
    else:
        assert [one for one in told if f"in a second folder: {tool} has one" in one]
