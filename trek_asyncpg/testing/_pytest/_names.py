"""The names of the databases that tests are given: what they are, whose, and what they follow from."""

from __future__ import annotations

import hashlib

CLONE = "trek_clone_"
SESSION = "trek tests "
"""What `application_name` of a session that owns clones begins with."""


def _short(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def project(*known_by: object) -> str:
    """The beginning of the names of a project's templates: those of others may be on the same server."""
    return f"trek_template_{_short(*known_by)}_"


def generation(project: str, *follows_from: object) -> str:
    """The beginning of the names of those templates that follow from the same files."""
    return f"{project}{_short(*follows_from)}_"


def template(generation: str, target: str) -> str:
    """The template at that revision."""
    return f"{generation}{_short(target)}"


def clones(session: str) -> str:
    """The beginning of the names of a session's clones."""
    return f"{CLONE}{session}_"
