"""Run the examples of docs/gallery.md and take the pictures of their pages: ``python tools/gallery.py [NAME …]``.

Needs Playwright and a Chromium, as the tests of pages in a browser do. With names only these pictures are taken anew.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from doc_pages import script  # noqa: E402

PAGE = ROOT / "docs" / "gallery.md"
FOLDER = ROOT / "docs" / "gallery"
WIDTH, HEIGHT = 1100, 680  # CSS pixels
COLOURS = 128  # of a picture: pages have few, and what they show of photographs is small


@dataclass(frozen=True)
class Picture:
    """What is in sight of ``page`` once it is scrolled to ``place`` and ``clicked`` is clicked, where there are any."""

    page: str
    place: str = ""
    clicked: str = ""


PICTURES = {
    "assess": Picture("run/report.html"),
    "image": Picture("run/report.html", "#gallery", ".thumbs button:first-child"),
    "images": Picture("run/report.html", "#images"),
    "compare": Picture("compared/report.html"),
    "perturb": Picture("perturbed/report.html"),
    "audit": Picture("reviewed/report.html"),
}
SCHEMES = {"": "light", "-dark": "dark"}


def run_examples(folder: Path) -> None:
    """Run the page's blocks in ``folder``, beside a checkout's examples."""
    (folder / "examples").symlink_to(ROOT / "examples")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run([sys.executable, "-c", script(PAGE)], cwd=folder, env={**os.environ, "PATH": path}, check=True)


def take(browser: Any, folder: Path, picture: Picture, scheme: str) -> bytes:
    """``picture`` as a PNG in the colours of ``scheme``."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
    page = context.new_page()
    page.goto((folder / picture.page).as_uri())
    if picture.place:
        page.locator(picture.place).evaluate("(place) => place.scrollIntoView()")
    if picture.clicked:
        page.locator(picture.clicked).click()
    page.wait_for_timeout(1000)  # charts and tables come to life as they come into sight
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    made = io.BytesIO()
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    return made.getvalue()


def main(names: list[str]) -> None:
    """Run everything, then take the pictures called ``names``, or all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run_examples(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name in names or PICTURES:
            for suffix, scheme in SCHEMES.items():
                (FOLDER / f"{name}{suffix}.png").write_bytes(take(browser, Path(folder), PICTURES[name], scheme))


if __name__ == "__main__":
    main(sys.argv[1:])
