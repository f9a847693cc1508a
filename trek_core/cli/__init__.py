"""The `trek` command. It is thin: everything it does is `trek_core.Migrator`; it reaches a database only through the
executors that plugins offer.

Importing this module imports neither click nor rich: they come with the extra `cli`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

INSTALL = "trek needs click and rich for its command: pip install 'trek-migrate[cli]'"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with these words (by default the process's own) and gives its exit code: `trek --help` lists them."""
    if not all(map(_installed, ("click", "rich"))):
        print(INSTALL, file=sys.stderr)
        return 2
    from trek_core.cli._app import run  # noqa: PLC0415 - needs click

    return run(sys.argv[1:] if argv is None else list(argv))


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # the module is in sys.modules, without a spec
        return False
