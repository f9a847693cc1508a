"""`trek check` on the folders that the real tools left: it asks nobody to move away what the tool needs."""

from __future__ import annotations

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
