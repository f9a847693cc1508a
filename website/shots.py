"""Pictures of the site in a real browser: `python -m website.shots FOLDER`, after `python -m website`. Needs chromium.

Light and dark, as wide as a desktop and as a phone. It also says which page is wider than the phone, and ends with an error
then.
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from website.stage import ROOT

SITE = ROOT / "site"
PAGES = {
    "home": "index.html",
    "tutorial": "tutorial.html",
    "error": "errors.html#a-file-changed-after-it-was-applied",
    "reference": "reference/trek_core.html",
    "commands": "commands.html",
    "peers": "peers.html",
    "how-to": "how-to/at-3-am.html",
}
WIDTHS = {"desktop": (1280, 1600), "phone": (390, 1400)}
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=4000"),
]
FRAME = """<!doctype html><html style="color-scheme: {scheme}"><body style="margin: 0">
<iframe src="/{page}" scrolling="no" style="border: 0; width: {width}px; height: {height}px; color-scheme: {scheme}"
 onload="const page = this.contentDocument.documentElement; page.style.scrollbarWidth = 'none';
 document.title = page.scrollWidth"></iframe></body></html>
"""
"""A browser's window is not made narrower than a desktop's, a frame is."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address while it is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def browse(address: str, *options: str) -> str:
    """What chromium prints for a page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", *options, address]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def main() -> int:
    """The process's exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "shots").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as copy, served(Path(shutil.copytree(SITE, f"{copy}/site"))) as address:
        wide = [name for name in PAGES if _shoot(name, Path(copy, "site"), address, folder)]
    print(f"wider than a phone: {', '.join(wide) or 'none'}; the pictures are in {folder}")
    return int(bool(wide))


def _shoot(name: str, site: Path, address: str, folder: Path) -> bool:
    """Four pictures of a page. Tells whether it is wider than the phone."""
    found = 0
    for scheme, number in {"light": 1, "dark": 0}.items():
        for device, (width, height) in WIDTHS.items():
            text = FRAME.format(scheme=scheme, page=PAGES[name], width=width, height=height)
            (site / "_frame.html").write_text(text)
            picture = folder / f"{name}-{device}-{scheme}.png"
            look = (f"--window-size={width},{height}", f"--blink-settings=preferredColorScheme={number}")
            browse(f"{address}/_frame.html", *look, f"--screenshot={picture}")
        titles = re.findall(r"<title>(\d+)</title>", browse(f"{address}/_frame.html", *look, "--dump-dom"))
        found = max(found, *map(int, titles))
    return found > WIDTHS["phone"][0]


if __name__ == "__main__":
    sys.exit(main())
