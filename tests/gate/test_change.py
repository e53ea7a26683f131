"""What changed between two runs, image by image."""

from __future__ import annotations

from itertools import product
from math import comb

import pytest

from pixelproof.results.exact import holm
from pixelproof.results.gate.change import Change, changes
from pixelproof.results.gate.measure import Measure


def measure(term: str, values: dict[int, float], *arguments: str, **more: object) -> Measure:
    return Measure(term, arguments, values, **more)


def test_only_images_of_both_count() -> None:
    old = measure("clean-accuracy", {1: 1.0, 2: 1.0, 3: 0.0, 4: 1.0})
    new = measure("clean-accuracy", {2: 0.0, 3: 1.0, 4: 1.0, 5: 0.0}, unlisted=[0.0, 0.0])
    change = Change(old, new)
    assert (change.worse, change.better, change.total) == ((2,), (3,), 3)
    assert change.values == pytest.approx((2 / 3, 2 / 3))
    assert change.drop == 0


def test_of_errors_more_is_worse() -> None:
    change = Change(measure("mce", {1: 0.2, 2: 0.5}), measure("mce", {1: 0.4, 2: 0.4}))
    assert (change.worse, change.better) == ((1,), (2,))
    assert change.drop == pytest.approx(0.05)


def test_the_same_values_in_another_order_of_adding_are_no_change() -> None:
    thirds = sum([0.1, 0.2, 0.3]), sum([0.3, 0.2, 0.1])
    change = Change(measure("mce", {1: thirds[0]}), measure("mce", {1: thirds[1]}))
    assert thirds[0] != thirds[1]
    assert (change.worse, change.better) == ((), ())


def test_the_family_is_what_says_something() -> None:
    kept = dict.fromkeys(range(5), 1.0)
    old = [
        measure("clean-accuracy", kept),
        measure("robust-accuracy", kept, "l0", "1"),
        measure("attack-success", kept, "l0", "1"),
        measure("proved", dict.fromkeys(range(5), 0.0), "l0", "1", unit="count"),
        measure("mean-robust-accuracy", kept, "l0"),
        measure("accuracy", kept, "fog", "3"),
        measure("robust-accuracy", kept, "linf", "1", pending=True),
        Measure("audit", unit="verdict", verdict="pass"),
    ]
    lost = {**kept, 0: 0.0}
    new = [measure("clean-accuracy", lost), *old[1:]]
    found = changes(old, new)
    assert [each.name for each in found] == ["clean-accuracy", "robust-accuracy(l0,1)"]
    assert [each.corrected for each in found] == holm([each.p for each in found])


@pytest.mark.parametrize(("lost", "won"), [(0.3, 0.1), (0.05, 0.05), (0.5, 0.4)])
def test_the_largest_drop_is_exceeded_with_a_chance_of_alpha_at_most(lost: float, won: float) -> None:
    total, alpha, exceeded = 20, 0.05, 0.0
    for worse, better in product(range(total + 1), repeat=2):
        if worse + better <= total:
            old = measure("clean-accuracy", {k: float(k >= better) for k in range(total)})
            new = measure("clean-accuracy", {k: float(k < total - worse) for k in range(total)})
            if Change(old, new).most(alpha) < lost - won:
                ways = comb(total, worse) * comb(total - worse, better)
                exceeded += ways * lost**worse * won**better * (1 - lost - won) ** (total - worse - better)
    assert exceeded <= alpha


def test_a_mean_may_have_dropped_by_more_than_was_seen() -> None:
    old = measure("mce", dict.fromkeys(range(200), 0.25))
    change = Change(old, measure("mce", {k: 0.25 + 0.5 * (k < 10) for k in range(200)}))
    assert change.drop == pytest.approx(0.025)
    assert 0.025 < change.most(0.05) < 0.12
    assert change.most(0.01) > change.most(0.05)
