"""The last line of defence: what nobody foresaw, and what a message must not hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from trek_core.cli._exit import conceal, report

if TYPE_CHECKING:
    import pytest

DSN = "postgresql://ada:swordfish@h/d"


def test_an_error_that_nobody_foresaw_gives_1_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyError("x"), []) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "KeyError: 'x'" in err
    assert "TREK_TRACEBACK=1" in err
    assert "Traceback" not in err


def test_with_json_it_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyError(DSN), ["--json", DSN]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["type"] == "KeyError"
    assert "swordfish" not in error["message"]


def test_passwords_of_the_command_line_are_hidden_wherever_they_stand() -> None:
    assert conceal(f"what is {DSN}?", [DSN]) == "what is postgresql://ada:***@h/d?"
    assert conceal(f"what is {DSN}?", [f"--dns={DSN}"]) == "what is postgresql://ada:***@h/d?"
    assert conceal("nothing to hide: a:b@c", ["head", "--dir=x"]) == "nothing to hide: a:b@c"
