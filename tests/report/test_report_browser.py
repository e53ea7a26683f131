"""The report in a real browser: no error, no request but the file itself, no sideways scrolling."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelproof.report import write_report
from pixelproof.runs.store import RunStore

pytestmark = pytest.mark.slow

RunMaker = Callable[..., RunStore]
CHROMIUM = shutil.which("chromium")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("options", [{}, {"minimal": True, "levels": (127,)}], ids=["levels", "minimal"])
def test_quiet_and_alone(make_run: RunMaker, tmp_path: Path, width: int, options: dict[str, object]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    address = write_report(make_run(classes=40, count=60, **options), tmp_path / "report.html").as_uri()
    requests: list[str] = []
    complaints: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length")
        browser.close()
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert complaints == []
    assert (overflow, broken) == (0, 0)
