"""What the pages of every kind have in common, in words and in form."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from every_page import PAGES
from html_page import Page
from words import beyond

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("every-page")]

Pages = dict[str, Path]
LARGEST = 5_000_000  # bytes
#: What no page says: a sign that is no minus, a setting that is none, one number as the most and the least.
WRONG = {
    "a hyphen for a minus": r"(?<![\w.)\]}-])-\d",
    "a setting that was left to the program": r"=None\b",
    "the most and the least of one number": r"most \(([\d.]+ %)[^)]*\)[^.]*least \(\1",
    "a word that means two things": r"adversarial accuracy(?!, a word that elsewhere means its opposite)",
}


@pytest.mark.parametrize("kind", PAGES)
def test_words(every_page: Pages, kind: str) -> None:
    text = " ".join(Page(every_page[kind].read_text("utf-8")).text.split())
    assert beyond(text) == []
    found = {
        what: [text[max(0, m.start() - 40) : m.end() + 20] for m in re.finditer(wrong, text)]
        for what, wrong in WRONG.items()
    }
    assert not any(found.values()), found


@pytest.mark.parametrize("kind", PAGES)
def test_form(every_page: Pages, kind: str) -> None:
    text = every_page[kind].read_text("utf-8")
    page = Page(text)
    assert len(text.encode()) < LARGEST
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if (link["href"] or "").startswith("#"):
            assert str(link["href"])[1:] in ids
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(headings))


@pytest.mark.parametrize("kind", PAGES)
def test_no_section_is_empty(every_page: Pages, kind: str) -> None:
    text = every_page[kind].read_text("utf-8")
    for section in re.findall(r'<section[^>]*aria-labelledby="[^"]*">(.*?)</section>', text, re.DOTALL):
        body = re.sub(r"<h2.*?</h2>|<script.*?</script>", "", section, flags=re.DOTALL)
        assert re.sub(r"<[^>]*>|\s", "", body)
