"""A page of HTML, read strictly."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Collects what the tests ask of a page and checks the nesting on the way."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg", "script"} & set(self.open):
            self.text += data

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def outside(text: str) -> list[str]:
    """Addresses of the network in the markup and styles of a page, but for those that a reader may follow.

    What its scripts may ask for is nothing, as the page's policy says.
    """
    markup = re.sub(r'<script.*?</script>|<a href="[^"]*">|xmlns[:\w]*="[^"]*"', "", text, flags=re.DOTALL)
    return re.findall(r"https?://[^\s\"']*|@import.*", markup)
