"""Pages of every kind in a real browser: quiet, alone, and each of their controls at work."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from every_page import PAGES
from pixelproof.report import write_report
from pixelproof.runs.store import RunStore

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = [pytest.mark.long, pytest.mark.browser, pytest.mark.xdist_group("every-page")]

RunMaker = Callable[..., RunStore]
Pages = dict[str, Path]
CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class Visit:
    """A page that is open, and all that it asked for and complained of."""

    def __init__(self, browser: Any, address: str, width: int = 1280, scheme: str = "light", **options: Any) -> None:
        viewport = {"width": width, "height": 800}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.address, self.requests, self.complaints = address, [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def all(self, selector: str) -> list[Any]:
        """Those in sight."""
        return [each for each in self.page.locator(selector).all() if each.is_visible()]

    def walk(self) -> None:
        """Open all that is folded, and scroll past everything until every chart and table is alive."""
        self.page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        for place in self.page.locator(".chart, .rows").all():
            place.scroll_into_view_if_needed()
        # Waiting for an expression would need eval, which the page's policy forbids.
        sync_api.expect(self.page.locator(".chart:not(.drawn), .rows:not(:has(.filters))")).to_have_count(0)

    def violations(self) -> list[str]:
        """What axe has against the page as it is."""
        found = axe.Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def assert_quiet(self) -> None:
        assert [url for url in self.requests if not url.startswith("data:")] == [self.address]
        assert self.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("kind", PAGES)
def test_every_control(browser: Any, every_page: Pages, kind: str, width: int, scheme: str) -> None:
    with Visit(browser, every_page[kind].as_uri(), width, scheme) as visit:
        visit.walk()
        assert visit.violations() == []
        assert visit.overflow() == 0
        for toggle in visit.all(".chart .toggle"):
            toggle.press("Enter")
            assert toggle.get_attribute("aria-pressed") == "false"
            toggle.press(" ")
            assert toggle.get_attribute("aria-pressed") == "true"
        for mark in visit.all(".chart .live .mark-symbol.role-mark > *, .chart .live .mark-rect.role-mark > *")[:5]:
            mark.hover(force=True)
        for choice in visit.all(".filters select"):
            choice.select_option(index=1)
            choice.select_option(index=0)
        for field in visit.all(".filters input"):
            field.fill("a")
            field.fill("")
        for heading in visit.all(".rows thead [role=button]"):
            heading.click()
        for button in visit.all(".dt-paging button:not([aria-disabled=true])"):
            button.click()
        for link in visit.all(".contents a"):
            link.click()
        visit.page.locator(".theme").click()
        assert visit.violations() == []
        for verdict in visit.all("tr:first-child > td:is(.status, .verdict):last-child"):
            box = verdict.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width
        assert visit.overflow() == 0
        visit.assert_quiet()


@pytest.mark.parametrize("kind", ["levels", "minimal", "attacks"])
def test_the_gallery(browser: Any, every_page: Pages, kind: str) -> None:
    with Visit(browser, every_page[kind].as_uri()) as visit:
        page = visit.page
        page.locator(".thumbs button").first.click()
        dialog, canvas = page.locator("dialog"), page.locator(".stage canvas")
        shown = {}
        for name in ("original", "adversarial", "difference"):
            dialog.locator(f"[data-view={name}]").click()
            shown[name] = canvas.evaluate("(canvas) => canvas.toDataURL()")
        assert len(set(shown.values())) == 3
        width = canvas.bounding_box()["width"]
        page.keyboard.press("+")
        assert canvas.bounding_box()["width"] == 2 * width
        page.keyboard.press("f")
        for name in ("original", "adversarial"):
            sync_api.expect(dialog.locator(f"[data-view={name}]")).to_have_attribute("aria-pressed", "true")
        first = page.locator("#viewed").inner_text()
        for key in ("f", "n"):
            page.keyboard.press(key)
        assert page.locator("#viewed").inner_text() != first
        assert visit.violations() == []
        assert re.search(r"#sample-\d+$", page.url)
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        visit.assert_quiet()


def test_the_adversarial_image_is_that_of_the_run(browser: Any, make_run: RunMaker, tmp_path: Path) -> None:
    run = make_run(count=6)
    record = next(each for each in run.records() if each.success)
    image = run.image(record)
    assert image is not None
    address = write_report(run, tmp_path / "report.html").as_uri()
    with Visit(browser, f"{address}#sample-{record.sample}") as visit:
        visit.page.locator(".levels button").first.click()
        sync_api.expect(visit.page.locator(".stage canvas")).to_have_attribute("width", "8")
        values = visit.page.evaluate(
            "Array.from(document.querySelector('.stage canvas').getContext('2d').getImageData(0, 0, 8, 8).data)"
        )
    assert [value for k, value in enumerate(values) if k % 4 < 3] == image.ravel().tolist()


def test_links_lead_to_a_level_a_sample_and_a_folded_section(browser: Any, every_page: Pages) -> None:
    address = every_page["levels"].as_uri()
    with Visit(browser, f"{address}#level-few-pixel-10") as visit:
        row = visit.page.locator("#level-few-pixel-10")
        assert 0 <= row.bounding_box()["y"] <= 800
        sample = visit.page.locator(".thumbs button").first.get_attribute("aria-label").split()[1].strip(":")
    with Visit(browser, f"{address}#sample-{sample}") as visit:
        assert visit.page.locator("#viewed").inner_text().startswith(f"Image {sample}: ")
    with Visit(browser, f"{address}#verify") as visit:
        assert visit.page.locator("pre").is_visible()


def test_rows_are_sorted_and_filtered(browser: Any, every_page: Pages) -> None:
    with Visit(browser, every_page["levels"].as_uri()) as visit:
        visit.walk()
        rows = visit.page.locator(".rows[data-name=images]")
        total = int(re.search(r"of ([\d,]+) entries", rows.locator(".dt-info").inner_text())[1])
        counts = []
        for status in ("broken", "proved", "open"):
            rows.get_by_label("status").select_option(status)
            found = re.search(r"to \d+ of ([\d,]+) entries", rows.locator(".dt-info").inner_text())
            counts.append(int(found[1]))
        assert sum(counts) == total
        assert counts[1] == 0 < counts[0]
        rows.get_by_label("status").select_option("")
        heading = rows.locator("thead th", has_text="Queries")
        place = int(heading.get_attribute("data-dt-column")) + 1
        for order in ("ascending", "descending"):
            heading.click()
            # The rows follow a moment after the click, together with the heading's word on it.
            sync_api.expect(heading).to_have_attribute("aria-sort", order)
            shown = rows.locator(f"tbody tr > :nth-child({place})").all_inner_texts()
            queries = [int(text.replace(",", "")) for text in shown]
            assert queries == sorted(queries, reverse=order == "descending")


def test_the_number_of_a_broken_image_leads_to_its_picture(browser: Any, make_run: RunMaker, tmp_path: Path) -> None:
    run = make_run(count=30, hardness=20.0)
    broken = {record.sample for record in run.records() if record.success}
    with Visit(browser, write_report(run, tmp_path / "report.html").as_uri()) as visit:
        visit.walk()
        rows = visit.page.locator(".rows[data-name=images] tbody")
        shown = set(rows.locator("th").all_inner_texts())
        linked = set(rows.locator("th a").all_inner_texts())
        assert {int(sample) for sample in linked} == {int(sample) for sample in shown} & broken < set(map(int, shown))
        sample = min(linked)
        rows.locator("a", has_text=re.compile(f"^{sample}$")).first.click()
        assert visit.page.locator("#viewed").inner_text().startswith(f"Image {sample}: ")
        visit.assert_quiet()


@pytest.mark.parametrize("kind", PAGES)
def test_paper_and_no_scripts(browser: Any, every_page: Pages, kind: str) -> None:
    address = every_page[kind].as_uri()
    with Visit(browser, address, scheme="dark") as visit:
        visit.walk()
        visit.page.emulate_media(media="print")
        assert not visit.all(".live, .filters, .contents")
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(visit.all(".still")) == visit.page.locator(".chart").count()
        assert visit.page.pdf().startswith(b"%PDF")
        visit.assert_quiet()
    with Visit(browser, address, java_script_enabled=False) as visit:
        assert not visit.all(".scripted")
        assert visit.all("h1, h2, .claim")
