"""pytest's plug-in: ``pytest --robustness`` runs the tests that use the fixture ``assert_robust``.

It comes with the package and costs nothing where it is not used: nothing heavy is imported before such a test runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

FIXTURE = "assert_robust"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pixelproof", "robustness of image classifiers")
    group.addoption("--robustness", action="store_true", help=f"Run the tests that use the fixture {FIXTURE}.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--robustness"):
        return
    skip = pytest.mark.skip(reason="takes a network and time: run it with --robustness")
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


@pytest.fixture
def assert_robust() -> Callable[..., None]:
    """Fails the test unless enough images are shown to stand whatever is searched: see ``_assert_robust``."""
    return _assert_robust


def _assert_robust(
    model: object,
    images: object,
    labels: object = None,
    *,
    norm: Literal["l0", "linf"] = "linf",
    th: int = 1,
    at_least: float = 0.4,
    alpha: float = 0.05,
    **options: Any,
) -> None:
    """Fail unless a share ``at_least`` in [0, 1] of the images considered is right and unbroken within ``th``.

    ``model``, ``images`` and ``labels`` are those of ``pixelproof.assess``, and so are ``options``: ``samples``,
    ``max_queries``, ``seed`` and others. ``norm`` l0 counts pixels, linf is in grey levels. It is decided by the exact
    interval at ``alpha``, so too few samples fail the test too, with how many would do.
    """
    import pixelproof as pp
    from pixelproof.results.gate.decision import decide
    from pixelproof.results.gate.read import measures
    from pixelproof.results.gate.requirement import parse_requirement
    from pixelproof.runs.record import NORM_OF

    attacks = {short: attack for attack, short in NORM_OF.items() if attack != short}
    if norm not in attacks:
        raise ValueError(f"norm is {norm!r}; expected l0 or linf.")
    if not 0 < at_least <= 1:
        raise ValueError(f"at_least is {at_least:g}; expected a share above 0 and up to 1.")
    requirement = parse_requirement(f"robust-accuracy({norm},{th}) >= {100 * at_least:.10g}%")
    result = pp.assess(model, images, labels, attacks=attacks[norm], levels=th, **options)
    (decision,) = decide([requirement], measures(result.run), alpha=alpha)
    if decision.outcome != "met":
        pytest.fail(decision.sentence, pytrace=False)
