"""Errors in two sentences: what was found, and what to do about it."""

from __future__ import annotations

from trek_core.plugin import ConfigError, ConnectError


def refused(problem: str, advice: str) -> ConfigError:
    return ConfigError(f"{problem}\n{advice}")


def unavailable(problem: str, advice: str) -> ConnectError:
    return ConnectError(f"{problem}\n{advice}")
