"""Names, errors and settings of a stranger on a page, in a real browser: text, and nothing else."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pixelproof.runs.database import FILE
from tiny_run import run_tiny

MARKUP = (
    "<script>window.owned = 1</script>",
    "\"><img src=x onerror='window.owned = 2'>",
    "</script><script>window.owned = 3</script>",
    "</style><svg onload=window.owned=4>",
    "javascript:window.owned=5",
    "<a href='javascript:window.owned=6'>x</a>",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--<script>window.owned = 8",
    "<iframe srcdoc='<script>parent.owned=9</script>'>",
    "\u202e\x1b[31m&lt;b&gt;",
)


def _hostile(value: Any, key: str = "") -> Any:
    """``value`` with its texts, but those that are looked up, made hostile."""
    if isinstance(value, dict):
        return {k: _hostile(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_hostile(each, key) for each in value]
    hostile = ("name", "class_names", "message", "rule", "model", "data", "python", "cpu", "torch", "platform", "git")
    if isinstance(value, str) and key in hostile:
        return f"{value}{''.join(MARKUP)}"
    return value


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose every name is hostile, in a folder of its own."""
    from pixelproof.report import write_run
    from pixelproof.runs import RunStore

    folder = tmp_path_factory.mktemp("hostile") / "run"
    run_tiny(folder, attacks=("few-pixel", "fgsm(epsilon=8)")).close()
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        for key, text in database.execute("SELECT key, value FROM manifest").fetchall():
            value = _hostile(json.loads(text), key)
            if key == "findings":
                value = [{"name": MARKUP[0], "severity": "warning", "message": each} for each in MARKUP]
            if key == "data":
                value["class_names"] = list(MARKUP)
            database.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(value), key))
        named = "UPDATE records SET method = ?, parameters = ? WHERE \"constraint\" = 'linf'"
        database.execute(named, (MARKUP[1], MARKUP[2]))
    with RunStore.open(folder) as run:
        return write_run(run, folder)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.slow
def test_no_name_becomes_an_element(page: Path) -> None:
    read = _Elements()
    read.feed(page.read_text("utf-8"))
    tags = {tag for tag, _ in read.found}
    assert not tags & {"iframe", "object", "embed", "base", "form"}
    for tag, attributes in read.found:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert not str(attributes.get("href", "")).startswith("javascript:")
        assert tag != "img" or str(attributes["src"]).startswith("data:")
        assert tag != "link" or str(attributes["href"]).startswith("data:")
    written = {each.relative_to(page.parent) for each in page.parent.rglob("*")}
    assert not [each for each in written if set(str(each)) & set('<>:"|?*\\')]


@pytest.mark.long
@pytest.mark.browser
def test_a_browser_runs_nothing_of_it(page: Path) -> None:
    with _opened(page) as (seen, found, requests, complaints):
        assert seen.evaluate("typeof window.owned") == "undefined"
        assert not found
        assert requests == [page.as_uri()]
        assert not complaints


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("added", MARKUP[:3])
def test_what_would_slip_through_is_stopped_by_the_policy(page: Path, tmp_path: Path, added: str) -> None:
    """The oracle of the test above: the same markup put in without escaping does not run, and is complained of."""
    other = tmp_path / "report.html"
    other.write_text(page.read_text("utf-8").replace("<main", f"{added}<main", 1), "utf-8")
    with _opened(other) as (seen, found, requests, complaints):
        assert seen.evaluate("typeof window.owned") == "undefined"
        assert not found
        assert [each for each in requests if not each.startswith("file:")] == []
        assert any("Content Security Policy" in each for each in complaints)


def _opened(page: Path) -> Any:
    from contextlib import contextmanager

    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")

    @contextmanager
    def opened() -> Iterator[tuple[Any, list[str], list[str], list[str]]]:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            seen = browser.new_page()
            dialogs, requests, complaints = list[str](), list[str](), list[str]()
            seen.on("dialog", lambda dialog: dialogs.append(dialog.message))
            seen.on("request", lambda request: requests.append(request.url))
            seen.on("console", lambda message: complaints.append(message.text))
            seen.on("pageerror", lambda error: complaints.append(str(error)))
            seen.goto(page.as_uri())
            seen.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
            for place in seen.locator(".chart, .rows").all():
                place.scroll_into_view_if_needed()
            seen.wait_for_timeout(500)
            yield seen, dialogs, requests, complaints
            browser.close()

    return opened()
