"""One finished run with successes and failures at nested levels, to be altered in memory as a capable liar would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from benchmarks.torture.alterations import forge

from pixelproof.data import ImageSet, load_data
from pixelproof.jobs.verify import Verification
from pixelproof.models import Classifier, load_model
from pixelproof.runs import RunStore
from tiny_run import run_tiny
from verify_kit import verified

#: Verifies the run after a change, with all its digests computed again, and so much of it done again.
Lied = Callable[..., Verification]


@pytest.fixture(scope="session")
def bundled() -> ImageSet:
    return load_data("bundled")


@pytest.fixture(scope="session")
def lenet() -> Classifier:
    return load_model("zoo:lenet")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A finished run of levels as bytes."""
    with run_tiny(tmp_path_factory.mktemp("whole") / "run") as run:
        return run.to_bytes()


@pytest.fixture
def lied(whole: bytes, bundled: ImageSet, lenet: Classifier) -> Lied:
    def after(change: Callable[[RunStore], object], share: float = 0.0, content: bytes = whole) -> Verification:
        with RunStore.of_bytes(content) as run:
            assert change(run)
            forge(run)
            assert run.altered() == []
            return verified(run, lenet, bundled, share)

    return after
