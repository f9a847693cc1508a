"""mypy and pyright, as an author has them: strict, in a folder of his own, with trek installed and not as its source."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = Path(sys.executable).parent
EXPECTED = re.compile(r"# error: ([a-z ]+)$")
FOUND = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*)")

Place = tuple[str, int]
Found = dict[Place, list[str]]
"""Where an error is -> what the checker says there."""


def expected(folder: Path, checker: str) -> set[Place]:
    """The places of the files in a folder that say in a comment that this checker must see an error there."""
    return {
        (path.relative_to(folder).as_posix(), number)
        for path in folder.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (said := EXPECTED.search(line)) and checker in said[1].split()
    }


def mypy(folder: Path, python: Path, *paths: str) -> Found:
    """What `mypy --strict` says of the files in a folder; `paths` are where their imports are found beside."""
    words = ["--strict", "--config-file=", f"--python-executable={python}", "--cache-dir=.mypy_cache", "."]
    done = _run(folder, "mypy", *words, MYPYPATH=os.pathsep.join(paths))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Found = {}
    for line in done.stdout.splitlines():
        if match := FOUND.fullmatch(line):
            found.setdefault((Path(match["file"]).as_posix(), int(match["line"])), []).append(match["text"])
    return found


def pyright(folder: Path, python: Path, *paths: str) -> Found:
    """What pyright, strict, says of the files in a folder."""
    settings = {"typeCheckingMode": "strict", "extraPaths": paths}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = _run(folder, "pyright", "--outputjson", "--pythonpath", str(python))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Found = {}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            place = Path(one["file"]).relative_to(folder).as_posix(), one["range"]["start"]["line"] + 1
            found.setdefault(place, []).append(one["message"])
    return found


def _run(folder: Path, checker: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """In a folder outside of the project, so that its own settings and sources are not seen."""
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", **environ}
    command = [SCRIPTS / checker, *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)


def environment_without(stubs: str, folder: Path) -> Path:
    """The python of an environment that has what this one has, except one package of stubs."""
    venv.create(folder, symlinks=True)
    (into,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith((stubs, "distutils-precedence")):
            (into / path.name).symlink_to(path)
    return folder / "bin/python"
