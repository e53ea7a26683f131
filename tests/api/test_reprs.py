"""What results show of themselves: in a notebook a short piece of HTML 900 pixels wide at most, in a terminal lines."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

import pixelproof as pp
from html_page import Page
from model_files import images, network

CHROMIUM = shutil.which("chromium")
HOSTILE = "<script>alert(1)</script>&\"'"
LABELS = network()(images(40)).argmax(1)
CLAIM = Path(__file__).parent.parent.parent / "examples" / "claim.toml"
KINDS = {
    "assess": pp.Result, "certify": pp.Result, "perturb": pp.Perturbations, "audit": pp.Audit, "clever": pp.Clever,
    "compare": pp.Comparison,
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of each kind, of a model and of classes with hostile names."""
    folder = tmp_path_factory.mktemp("runs")
    of_both: dict[str, Any] = {"class_names": [HOSTILE, "&<b>x", "c", "d"], "device": "cpu", "name": HOSTILE}
    small: dict[str, Any] = {"levels": (1, 3, 30), "samples": 4, "max_queries": 20, **of_both}
    module, given, attacks = network(), images(40), ("few-pixel", "threshold", "fgsm", "square(queries=9)")
    for name in "ab":
        pp.assess(module, given, LABELS, out=folder / name, **small)
    return {
        "assess": pp.assess(module, given, LABELS, attacks=attacks, **small),
        "certify": pp.certify(module, given, LABELS, samples=2, attacks="threshold", **of_both),
        "perturb": pp.perturb(
            lambda shown: module(shown[:, :, :8, :8]), given.repeat(1, 1, 4, 4), LABELS, samples=4, severities=(1, 5),
            **of_both,
        ),
        "audit": pp.audit(module, given, LABELS, CLAIM, samples=4, iterations=3, only=(1, 2, 4), **of_both),
        "clever": pp.clever(module, given, LABELS, samples=3, batches=3, batch_samples=4, **of_both),
        "compare": pp.compare(f"{HOSTILE.replace('/', '')}={folder / 'a'}", f"<i>two={folder / 'b'}", force=True),
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_shows_a_short_and_harmless_piece(results: dict[str, Any], kind: str) -> None:
    assert type(results[kind]) is KINDS[kind]
    text = results[kind]._repr_html_()
    page = Page(text)
    assert page.tags[0] == ("div", {"class": "pixelproof"})
    assert len(text) < 12_000
    assert page.all("table")
    assert {tag for tag, _ in page.tags} <= {
        "div", "style", "p", "b", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary",
    }  # fmt: skip
    assert not any(key.startswith(("on", "src", "href")) for _, attributes in page.tags for key in attributes)
    assert "alert(1)" in text
    assert "url(" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_lines_for_a_terminal_and_pickles(results: dict[str, Any], kind: str) -> None:
    lines = repr(results[kind]).splitlines()
    assert 2 <= len(lines) <= 30
    assert "array(" not in repr(results[kind])
    again = pickle.loads(pickle.dumps(results[kind]))
    assert repr(again) == repr(results[kind])
    assert again._repr_html_() == results[kind]._repr_html_()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_900_pixels_and_can_be_read(results: dict[str, Any], tmp_path: Path, dark: bool) -> None:
    """Also where everything is unfolded; colours have a contrast of 4.5 to what lies behind them."""
    sync_api = pytest.importorskip("playwright.sync_api")
    colours = "background: #111; color: #ddd" if dark else "background: #fff; color: #111"
    body = "".join(result._repr_html_() for result in results.values()).replace("<details>", "<details open>")
    marks = "".join(f'<span class="{name}">word</span>' for name in ("bad", "good", "open"))
    (tmp_path / "page.html").write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><body style="margin: 0; font: 13px sans-serif; {colours}">{body}'
        f'<div class="pixelproof">{marks}</div>',
        "utf-8",
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 900, "height": 800}, color_scheme="dark" if dark else "light")
        page.goto((tmp_path / "page.html").as_uri())
        wide = page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
        )
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        seen = page.evaluate("[...document.querySelectorAll('span')].map(e => getComputedStyle(e).color)")
        browser.close()
    assert (wide, overflow) == (0, 0)
    for colour in seen:
        assert contrast(colour, "rgb(17, 17, 17)" if dark else "rgb(255, 255, 255)") >= 4.5


def contrast(one: str, other: str) -> float:
    """That of WCAG 2, of two colours as ``rgb(1, 2, 3)``."""
    light = sorted(luminance([int(part) / 255 for part in each[4:-1].split(",")]) for each in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(channels: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
