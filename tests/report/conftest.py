"""Made-up runs, and a page of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up_run import build_run
from pixelproof.runs.store import RunStore

RunMaker = Callable[..., RunStore]


@pytest.fixture(scope="session")
def every_page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of every kind: look, do not touch."""
    from every_page import write_every_page  # which needs all that any page does

    return write_every_page(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def make_run() -> RunMaker:
    """``build_run`` over ``count`` images of noise of ``shape``, labels in turn."""

    def make(count: int = 12, shape: tuple[int, int, int] = (8, 8, 3), classes: int = 3, **options: Any) -> RunStore:
        rng = np.random.default_rng(7)
        images = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]
        names = options.pop("class_names", [f"class {k}" for k in range(classes)])
        return build_run(images, [k % len(names) for k in range(count)], names, **options)

    return make
