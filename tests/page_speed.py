"""How quick the page of a large run is in a browser: ``python tests/page_speed.py [--samples 10000]``.

It makes a run up, writes its page, and opens it with Debian's Chromium, each time anew: seconds until it is there and
until the table of images can be used, milliseconds from a choice or some letters to what they show.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from made_up_run import build_run
from pixelproof.report import write_report

#: Waits for two frames, so that what a change led to has been drawn.
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_TABLE = ".rows[data-name=images]"


def write_page(samples: int, folder: Path) -> Path:
    """The page of a made-up run of ``samples`` images of 10 classes at 4 levels in both norms."""
    random = np.random.default_rng(0)
    images = list(random.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8))
    names = [f"class {k}" for k in range(10)]
    run = build_run(images, [k % 10 for k in range(samples)], names)
    return write_report(run, folder / "report.html")


def measure(page: Any, address: str) -> dict[str, float]:
    """What one visit takes: seconds to open it, milliseconds to filter."""
    begun = time.perf_counter()
    page.goto(address)  # until it has loaded, its scripts have run and its first screen is drawn
    page.evaluate(_DRAWN)
    found = {"open, s": time.perf_counter() - begun}
    table = page.locator(_TABLE)
    filters = table.locator(".filters")
    begun = time.perf_counter()
    table.scroll_into_view_if_needed()
    filters.wait_for()
    page.evaluate(_DRAWN)
    found["table of images, s"] = time.perf_counter() - begun

    def timed(name: str, change: Callable[[], object]) -> None:
        before = table.locator(".dt-info").inner_text()
        begun = time.perf_counter()
        change()
        page.evaluate(_DRAWN)
        found[f"{name}, ms"] = 1000 * (time.perf_counter() - begun)
        assert table.locator(".dt-info").inner_text() != before, name

    timed("filter by status", lambda: filters.get_by_label("status").select_option("open"))
    timed("filter by level", lambda: filters.get_by_label("at th").select_option("1"))
    timed("filter by class", lambda: filters.get_by_label("class").select_option("class 3"))
    timed("find", lambda: filters.get_by_label("find").fill("12"))
    return found


def main() -> None:
    """Print the median and the largest of several visits."""
    parser = argparse.ArgumentParser(description="How quick the page of a large run is.")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = write_page(given.samples, Path(folder))
        print(f"{given.samples:,} samples: {path.stat().st_size / 1e6:.1f} MB")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        visits = []
        for _ in range(given.visits):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            visits.append(measure(context.new_page(), path.as_uri()))
            context.close()
    for name in visits[0]:
        values = [visit[name] for visit in visits]
        print(f"{name}: {statistics.median(values):.3g} (at most {max(values):.3g})")


if __name__ == "__main__":
    main()
