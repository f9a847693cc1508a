"""The example of a test-suite: its tests pass, in a process of their own, each on a database that is migrated."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.examples.programs import EXAMPLES, PATIENCE, environ

if TYPE_CHECKING:
    from tests.support.databases import Server


def test_the_suite_passes(server: Server) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "test_suite")]
    env = environ("", TREK_TEST_DSN=server.base, PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, cwd=EXAMPLES / "test_suite", timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
