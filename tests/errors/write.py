"""`python -m tests.errors.write` writes every message of docs/errors.md anew; the prose around them stays."""

from __future__ import annotations

import os
import sys

import pytest

from tests.errors.page import WRITES

if __name__ == "__main__":
    os.environ[WRITES] = "1"
    sys.exit(pytest.main(["tests/errors", "-q", *sys.argv[1:]]))
