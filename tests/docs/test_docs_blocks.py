"""What the documentation tells people to type works."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from doc_pages import PAGES, ROOT, RUN, blocks, script

EVERY = [block for page in PAGES for block in blocks(page)]
FILES = [each.read_text("utf-8") for each in (ROOT / "examples" / "ci").iterdir()]
RUNNING = [page for page in PAGES if any(not block.norun and block.language in RUN for block in blocks(page))]


@pytest.mark.long
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """In order, in a folder where a checkout's examples are at hand, with this environment's commands."""
    for folder in ("examples", "studies"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", script(page)],
        cwd=tmp_path,
        env={**os.environ, **own, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_block_is_run_or_says_why_not() -> None:
    """A block is code that runs, a file, or no code: there is no way for a command to be in none of these."""
    for block in EVERY:
        if block.norun:
            assert block.title, f"{block} is not run and gives no reason"
        elif block.language not in (*RUN, "toml"):
            if block.text in FILES:
                continue  # what another test runs, step by step
            assert block.language in ("", "text"), f"{block}: who runs {block.language}?"
            begun = {line.split(" ")[0] for line in block.text.splitlines()}
            assert not begun & {"pixelproof", "python", "pip", "make", "nox", "$"}, f"{block} has commands: name it sh"


def test_few_blocks_are_not_run() -> None:
    code = [block for block in EVERY if block.norun or block.language in RUN]
    assert sum(block.norun for block in code) <= len(code) / 4


def test_toml_in_the_docs_can_be_read() -> None:
    for block in EVERY:
        if block.language == "toml":
            assert tomllib.loads(block.text), str(block)
