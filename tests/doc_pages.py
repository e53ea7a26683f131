"""The code of a page of the documentation: its fenced blocks, and a script that runs them in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
RUN = ("sh", "python")
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')
_SNIPPET = re.compile(r'^--8<-- "(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block, ``line`` being that of its fence, from 1."""

    page: Path
    line: int
    language: str  # empty where none is named
    norun: bool
    title: str  # the file that it is written to; where it is not run, why
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order, with the files that they include."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        title = _TITLE.search(info := found["info"])
        words = info.replace(title[0], "").split() if title else info.split()
        names = [word.strip("{}.") for word in words if word.strip("{}")]
        yield Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            names[0] if names else "",
            "norun" in names,
            title[1] if title else "",
            _SNIPPET.sub(lambda name: (ROOT / name[1]).read_text("utf-8").rstrip(), found["text"]),
        )


def script(page: Path) -> str:
    """A Python script of all that ``page`` runs: Python in one namespace, shell by bash, files as they come."""
    lines = ["import subprocess", "from pathlib import Path", "names = {'__name__': '__main__'}"]
    for block in blocks(page):
        if block.norun or not (block.language in RUN or block.title):
            continue
        lines.append(f"print({f'== {block}'!r}, flush=True)")
        if block.title:
            lines.append(f"Path({block.title!r}).write_text({block.text!r}, 'utf-8')")
        elif block.language == "sh":
            lines.append(f"subprocess.run(['bash', '-euo', 'pipefail', '-c', {block.text!r}], check=True)")
        else:
            source = "\n" * block.line + block.text  # so that a traceback names the page's line
            lines.append(f"exec(compile({source!r}, {str(block.page)!r}, 'exec'), names)")
    return "\n".join(lines) + "\n"
