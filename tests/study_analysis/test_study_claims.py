"""Each claim held, not held and impossible to say; and the papers' own tables put to their claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pixelproof.results.claim import Verdict
from pixelproof.results.intervals import Rate
from pixelproof.results.study import Assessed, PaperClaim, claims, claims_of_published, spearman

RunMaker = Callable[..., Assessed]
ROBUST, MIDDLING, WEAK = [None, None, 4], [None, 3, 4], [1, 3, 3]


def of(name: str, found: list[PaperClaim]) -> PaperClaim:
    return next(claim for claim in found if claim.name == name)


def numbers(claim: PaperClaim) -> dict[str, Rate | float]:
    return dict(claim.numbers)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_spearman_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    xs, ys = zip(*pairs, strict=True)
    if len(set(xs)) == 1 or len(set(ys)) == 1:
        assert spearman(xs, ys) is None
    else:
        assert spearman(xs, ys) == pytest.approx(spearmanr(xs, ys).statistic, abs=1e-12)


def test_equal_rankings_correlate_fully() -> None:
    assert spearman([1, 5, 5, 9], [0.1, 0.2, 0.2, 0.7]) == 1


def test_nothing_can_be_said_of_nothing() -> None:
    found = claims([])
    assert {claim.verdict for claim in found} == {"cannot be said"}
    assert all(claim.reason.endswith(".") and not claim.numbers for claim in found)
    assert len({claim.name for claim in found}) == 6


def test_none_is_safe_once_any_search_fools_it(run: RunMaker) -> None:
    safe = run("a", [3, 3], [1, 1])
    assert of("none-safe", claims([safe])).verdict == "not held"
    assert numbers(of("none-safe", claims([safe])))["a, 1 pixel"] == Rate(0, 2)
    found = of("none-safe", claims([safe, run("a", [1, 3], [None, None], "de")]))
    assert (found.verdict, numbers(found)["a, 1 pixel"]) == ("held", Rate(1, 2))


def test_an_unfinished_or_missing_level_leaves_safety_open(run: RunMaker) -> None:
    fooled = run("b", [1], [1])
    for other in (run("a", [3, 3], [1, 1], status="running"), run("a", [1, 1], None)):
        found = of("none-safe", claims([fooled, other]))
        assert (found.verdict, found.reason) == (
            "cannot be said",
            "There is no finished th = 1 under both norms of a.",
        )


def test_a_safe_defence_is_no_network(run: RunMaker) -> None:
    runs = [run("a", [1], [1]), run("a", [None], [None], defence="tvm")]
    assert of("none-safe", claims(runs)).verdict == "held"


@pytest.mark.parametrize(
    ("steps", "verdict"), [((ROBUST, MIDDLING, WEAK), "not held"), ((MIDDLING, ROBUST, WEAK), "held")]
)
def test_ranking(run: RunMaker, steps: tuple[list[int | None], ...], verdict: Verdict) -> None:
    runs = [run(n, few, own) for n, few, own in zip("abc", (ROBUST, MIDDLING, WEAK), steps, strict=True)]
    found = of("ranking-differs", claims(runs))
    assert found.verdict == verdict
    assert numbers(found)["rank correlation, L0 and L∞"] == (1 if verdict == "not held" else 0.5)
    assert of("ranking-differs", claims(runs[:2])).verdict == "cannot be said"
    assert of("ranking-differs", claims([*runs[:2], run("c", WEAK, None)])).verdict == "cannot be said"


@pytest.mark.parametrize(
    ("few", "steps", "verdict"), [([1, 1], [None, 1], "held"), ([None, 1], [1, 1], "not held"), ([1], [1], "not held")]
)
def test_training(run: RunMaker, few: list[int | None], steps: list[int | None], verdict: Verdict) -> None:
    base = run("resnet20", [1] * len(few), [1] * len(few))
    trained = run("resnet20", few, steps, defence="adversarial training")
    found = of("training-helps-linf", claims([base, trained, run("resnet20", [None] * 2, [1] * 2, defence="tvm")]))
    assert found.verdict == verdict
    assert numbers(found)["resnet20 + adversarial training, drop under L∞ (points)"] == (50 if None in steps else 0)
    assert of("training-helps-linf", claims([run("lenet", [1], [1]), trained])).verdict == "cannot be said"


def test_one_norm_only(run: RunMaker) -> None:
    apart, alike = run("a", [1, None], [None, 1]), run("b", [1, None], [1, None])
    found = of("one-norm-only", claims([apart, alike]))
    assert (found.verdict, numbers(found)["th = 10"]) == ("held", Rate(2, 4))
    assert of("one-norm-only", claims([alike])).verdict == "not held"
    assert of("one-norm-only", claims([run("a", [1], None)])).verdict == "cannot be said"


BIRD, CAT, FROG, TRUCK = 2, 3, 6, 9


@pytest.mark.parametrize(("few", "verdict"), [([1, 1, 5, None], "held"), ([1, 4, 3, None], "not held")])
def test_classes(run: RunMaker, few: list[int | None], verdict: Verdict) -> None:
    """Birds, cats, frogs, trucks; in the second, cats and frogs fall alike at the two thresholds that count."""
    labels = [BIRD, CAT, FROG, TRUCK]
    without_truck = run("b", [None, None, 1], [None, None, 1], labels=labels[:3])
    found = of("classes", claims([run("a", few, few, labels=labels), without_truck]))
    assert found.verdict == verdict
    assert numbers(found)["truck (percent)"] == 0
    assert numbers(found)["frog (percent)"] == 50
    assert of("classes", claims([without_truck])).verdict == "cannot be said"


def test_levels_and_area(run: RunMaker) -> None:
    rows = {"a": [1, 2, 3, 4], "b": [2, 5, 6, 11], "c": [4, 30, 40, 60]}
    level = [run(name, row, row) for name, row in rows.items()]
    same = [run(name, row, row, "minimal") for name, row in rows.items()]
    found = of("levels-rank-as-area", claims([*level, *same]))
    assert found.verdict == "held"
    assert set(numbers(found).values()) == {1.0}
    assert "rank correlation, L∞, area from zero" in numbers(found)
    swapped = [run(name, rows["a"], rows[other], "minimal") for name, other in zip("abc", "cba", strict=True)]
    assert of("levels-rank-as-area", claims([*level, *swapped])).verdict == "cannot be said"  # L0 areas are equal
    turned = [run(name, rows[other], rows[other], "minimal") for name, other in zip("abc", "cba", strict=True)]
    assert of("levels-rank-as-area", claims([*level, *turned])).verdict == "not held"
    assert of("levels-rank-as-area", claims(level)).verdict == "cannot be said"


def test_the_papers_own_tables() -> None:
    """By our rules three of four hold; the L∞ levels (CapsNet first) and areas (AllConv first) correlate at 0.79."""
    found = {claim.name: claim for claim in claims_of_published()}
    assert {name: claim.verdict for name, claim in found.items()} == {
        "none-safe": "held",
        "ranking-differs": "held",
        "training-helps-linf": "held",
        "levels-rank-as-area": "not held",
    }
    assert numbers(found["ranking-differs"])["rank correlation, L0 and L∞"] == pytest.approx(27 / 28)
    assert numbers(found["training-helps-linf"])["AT, drop under L0 (points)"] == pytest.approx(-1)
    assert numbers(found["training-helps-linf"])["AT, drop under L∞ (points)"] == pytest.approx(41.5)
    assert numbers(found["levels-rank-as-area"])["rank correlation, L0"] == pytest.approx(27 / 28)
    assert numbers(found["levels-rank-as-area"])["rank correlation, L∞"] == pytest.approx(22 / 28)
