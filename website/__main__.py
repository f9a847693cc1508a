"""Builds the site: `python -m website` writes it into site/. Whatever the builder warns of ends it with an error."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from website.nav import filled
from website.reference import write
from website.stage import ROOT, Stage
from website.words import keep_whole

HERE = Path(__file__).parent
STAGE = ROOT / "build/website"


def build(folder: Path = STAGE) -> Path:
    """Stages the pages in the folder and builds them; gives the built site. Raises `CalledProcessError`."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = folder / "docs"
    pages.mkdir(parents=True)
    Stage(pages).run()
    write(pages / "reference")
    (folder / "mkdocs.yml").write_text(filled((HERE / "mkdocs.yml").read_text()))
    shutil.copyfile(HERE / "extra.css", pages / "extra.css")
    site = build_only(folder)
    keep_whole(site)
    return site


def build_only(folder: Path) -> Path:
    """Builds what lies in the folder. Raises `CalledProcessError`."""
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, check=True)
    return folder / "site"


def main() -> int:
    """The process's exit code."""
    if find_spec("zensical") is None:
        print("the site is built by zensical: pip install -e '.[docs]'", file=sys.stderr)
        return 2
    try:
        built = build()
    except subprocess.CalledProcessError as error:
        return error.returncode
    shutil.rmtree(ROOT / "site", ignore_errors=True)
    shutil.copytree(built, ROOT / "site")
    print("python -m http.server -d site shows it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
