"""The documentation builds without a warning, and its pages ask nobody for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pixelproof
from doc_pages import ROOT

#: What a browser fetches by itself: scripts, pictures, style sheets and icons, not the links that people follow.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\ssrc=["']?(?:https?:)?//|<link\b[^>]*?href=["']?(?:https?:)?//"""
)

LARGEST_PICTURE = 150_000  # bytes


@pytest.mark.long
def test_the_site_builds_strictly_and_asks_nobody(tmp_path: Path) -> None:
    here = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if (mkdocs := shutil.which("mkdocs", path=here)) is None:
        pytest.skip("mkdocs is not installed: pip install '.[docs]'")
    built = subprocess.run(
        [mkdocs, "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = sorted(tmp_path.glob("site/**/*.html"))
    assert len(pages) > 40
    for page in pages:
        assert not FETCHED.search(page.read_text("utf-8")), page.name
    for sheet in tmp_path.glob("site/**/*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text("utf-8")), sheet.name


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text("utf-8").partition("nav:")[2]
    listed = set(re.findall(r"- (\S+\.md)$", contents, re.MULTILINE))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}


def test_the_reference_has_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    assert sorted(re.findall(r"^::: pixelproof\.(\w+)$", reference, re.MULTILINE)) == pixelproof.__all__


def test_the_gallery_has_the_pictures_that_its_tool_takes() -> None:
    """Each in both colours, none large."""
    text = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    shown = re.findall(r"^!\[[^\]]+\]\(gallery/([\w-]+\.png)#only-(light|dark)\)$", text, re.MULTILINE)
    tool = (ROOT / "tools" / "gallery.py").read_text("utf-8")
    names = re.findall(r'^    "(\w+)": Picture\(', tool, re.MULTILINE)
    assert len(names) > 4
    assert shown == [
        (f"{name}{end}.png", scheme) for name in names for end, scheme in (("", "light"), ("-dark", "dark"))
    ]
    for name, _ in shown:
        assert (ROOT / "docs" / "gallery" / name).stat().st_size < LARGEST_PICTURE
    assert {path.name for path in (ROOT / "docs" / "gallery").iterdir()} == {name for name, _ in shown}


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) < 200
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
