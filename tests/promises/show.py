"""`python -m tests.promises.show` prints what trek says of eight mistakes of plugins."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.promises.messages import CASES, said

if __name__ == "__main__":
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{case}\n{'-' * len(case)}\n{said(case, Path(folder))}\n")  # noqa: T201
