from __future__ import annotations

from tests.plugins.environment import trek_wheel

__all__ = ["trek_wheel"]

collect_ignore_glob = ["trek-*"]  # each has tests of its own, which run where it is installed
