"""The registry of searches: every entry builds what it says it is, for problems of its constraint."""

from __future__ import annotations

import pytest

from pixelproof.engine.levels import make_encoding
from pixelproof.search.registry import SEARCHES, Constraint, Problem

SHAPE = (6, 7, 3)


@pytest.mark.parametrize("constraint", ["few-pixel", "threshold"])
@pytest.mark.parametrize("name", SEARCHES)
def test_an_entry_builds_its_kind_in_the_dimension_of_the_encoding(name: str, constraint: Constraint) -> None:
    entry, threshold = SEARCHES[name], 3
    if entry.constraint not in (None, constraint):
        return
    dimension = make_encoding(constraint, threshold, SHAPE).dimension
    search = entry.build(Problem(dimension, threshold, SHAPE, population=12 if name == "de" else None, sigma=2.0))
    assert type(search) is entry.kind
    assert search.dimension == dimension


def test_what_searches_can_do_is_read_from_their_classes() -> None:
    can = {
        what: {name for name, entry in SEARCHES.items() if getattr(entry, what)}
        for what in ("evolves", "learns_together", "takes_limits")
    }
    assert can["evolves"] == {"cma-es", "sep-cma-es"}
    assert can["learns_together"] == can["takes_limits"] == {"gradient-regression", "pixel-process"}
