"""Root rules: PostgreSQL refuses to run as root, so as root its programs run under an existing unprivileged account.

Only those programs do; Python stays root. No account is made, and no permission of an existing folder is changed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from trek_asyncpg.embedded._errors import refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trek_core.plugin import ConfigError


class Identity(TypedDict, total=False):
    """What subprocess takes to become somebody else; empty for oneself."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs PostgreSQL's programs. `uid` None: we do, behind `prefix` where there is one."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def identity(self) -> Identity:
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, command: Sequence[str], pass_fds: Iterable[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run to the end. Output is captured, in English; raises OSError where the program cannot be started."""
        return subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [*self.prefix, *command],
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=tuple(pass_fds),
            **self.identity(),
        )

    def works(self, command: Sequence[str]) -> bool:
        try:
            return self.run(command).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def reaches(self, folder: Path) -> bool:
        return self.works(["/bin/sh", "-c", 'cd -- "$0"', str(folder)])

    def take(self, path: Path) -> None:
        """Give the account a folder that we have just made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def environment() -> dict[str, str]:
    """Ours without PGDATA, PGPORT and their like, which would change what the programs do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def find_account(data: Path | None) -> Account:
    """Who runs a server on the data folder `data`; None: on a new one. Raises ConfigError when nobody can."""
    owner = data.stat().st_uid if data is not None else None
    us = os.geteuid()
    if us != 0:
        if data is not None and owner not in (None, us):
            raise _somebody_elses(data, us)
        return Account()
    if owner:
        return _owner(owner, data)
    # What root itself owns was made in a user namespace, and is opened in one.
    return (None if owner == 0 else _unprivileged()) or _mapped() or _nobody()


def _somebody_elses(data: Path, us: int) -> ConfigError:
    owner = data.stat().st_uid
    problem = f"{data} belongs to uid {owner}, and this is uid {us}: another account has made it (trek run as root?)"
    return refused(problem, "Run trek as that account or as root, or name another folder.")


def _owner(uid: int, data: Path | None) -> Account:
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        problem = f"{data} belongs to uid {uid}, which has no account here, and PostgreSQL runs under an account only"
        advice = "Give it to the account `postgres` or `nobody` (chown -R), or name another folder."
        raise refused(problem, advice) from None


def _unprivileged() -> Account | None:
    asked = os.environ.get("TREK_PG_OS_USER")
    for name in [asked] if asked else ["postgres", "nobody"]:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name == asked:
                _refuse_asked(name, "there is no such account")
            continue
        if entry.pw_uid == 0:
            _refuse_asked(name, "that is root, and PostgreSQL refuses to run as root")
        account = Account(entry.pw_uid, entry.pw_gid)
        if account.works(["/bin/sh", "-c", ":"]):
            return account
    return None


def _refuse_asked(name: str, problem: str) -> None:
    problem = f"TREK_PG_OS_USER is {name!r}: {problem}"
    raise refused(problem, "Name an existing account that is not root, or unset it for `postgres` or `nobody`.")


def _mapped() -> Account | None:
    """Ourselves without privileges, as uid 1000 of a new user namespace: for containers that allow no other uid."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    account = Account(prefix=(unshare, "--user", "--map-user=1000", "--map-group=1000", "--"))
    return account if account.works(["/bin/sh", "-c", ":"]) else None


def _nobody() -> Account:
    tried = "tried $TREK_PG_OS_USER, `postgres`, `nobody`, and `unshare --user --map-user=1000`"
    problem = f"PostgreSQL refuses to run as root, and no other account can be used here: {tried}"
    raise refused(problem, "Run trek as another user, or name a running server with --dsn.")
