"""Three outcomes, by exact tests: what is met, what is not, and how many samples would decide the rest."""

from __future__ import annotations

import pytest

from pixelproof.errors import InputError
from pixelproof.results import exact
from pixelproof.results.gate.decision import decide, no_worse, overall
from pixelproof.results.gate.measure import Measure
from pixelproof.results.gate.requirement import parse_requirement


def share(hits: int, total: int, term: str = "clean-accuracy", arguments: tuple[str, ...] = ()) -> Measure:
    return Measure(term, arguments, {k: float(k < hits) for k in range(total)})


def outcome(text: str, *measures: Measure, baseline: list[Measure] | None = None, alpha: float = 0.05) -> str:
    return decide([parse_requirement(text)], measures, baseline, alpha)[0].outcome


@pytest.mark.parametrize("total", [10, 50, 200])
@pytest.mark.parametrize("sign", [">=", "<="])
def test_a_share_is_decided_as_its_interval_says(total: int, sign: str) -> None:
    """Independent: both ends are looked up in the interval of Clopper and Pearson."""
    from scipy import stats

    for hits in range(total + 1):
        low, high = stats.binomtest(hits, total).proportion_ci(0.9, "exact")
        above, below = low >= 0.4, high <= 0.4
        expected = "met" if (above if sign == ">=" else below) else "undecided"
        expected = "not met" if (below if sign == ">=" else above) else expected
        assert outcome(f"clean-accuracy {sign} 40%", share(hits, total)) == expected


def test_a_wrong_answer_has_a_chance_of_alpha_at_most() -> None:
    """At the limit itself, where it is likeliest: all outcomes, each with its chance."""
    total, limit, alpha = 60, 0.4, 0.05
    chances = [exact.at_least(k, total, limit) - exact.at_least(k + 1, total, limit) for k in range(total + 1)]
    found = [outcome("clean-accuracy >= 40%", share(k, total), alpha=alpha) for k in range(total + 1)]
    for wrong in ("met", "not met"):
        assert sum(chance for chance, said in zip(chances, found, strict=True) if said == wrong) <= alpha


def test_two_samples_cannot_decide_and_say_how_many_can() -> None:
    (decision,) = decide([parse_requirement("clean-accuracy >= 40%")], [share(2, 2)])
    assert decision.outcome == "undecided"
    assert decision.take is not None
    assert f"cannot be decided with 2 samples, take about {decision.take};" in decision.sentence
    truth = 2.5 / 3
    assert exact.power_of_share(truth, 0.4, decision.take, 0.05) >= exact.POWER
    assert outcome("clean-accuracy >= 40%", share(round(truth * decision.take), decision.take)) == "met"


def test_what_lies_at_the_limit_no_number_of_samples_decides() -> None:
    (decision,) = decide([parse_requirement("clean-accuracy >= 50%")], [share(50, 100)])
    assert (decision.outcome, decision.take) == ("undecided", None)
    assert "100,000 would probably not do" in decision.sentence


def test_certainties() -> None:
    assert outcome("clean-accuracy >= 0%", share(0, 3)) == "met"
    assert outcome("attack-success(l0,1) <= 100%", share(3, 3, "attack-success", ("l0", "1"))) == "met"
    assert outcome("clean-accuracy >= 100%", share(999, 1000)) == "not met"
    assert outcome("clean-accuracy >= 100%", share(1000, 1000)) == "undecided"


def test_counts_are_facts() -> None:
    proved = Measure("proved", ("l0", "1"), {1: 1.0, 2: 1.0, 3: 0.0}, unit="count")
    assert outcome("proved(l0,1) >= 2", proved) == "met"
    assert outcome("proved(l0,1) >= 3", proved) == "not met"
    assert outcome("proved(l0,1) >= 30%", proved) == "undecided"


@pytest.mark.parametrize(
    ("text", "verdict", "expected"),
    [
        ("audit = pass", "pass", "met"),
        ("audit = pass", "warn", "not met"),
        ("audit >= warn", "pass", "met"),
        ("audit >= warn", "fail", "not met"),
        ("audit >= warn", "open", "undecided"),
    ],
)
def test_verdicts(text: str, verdict: str, expected: str) -> None:
    assert outcome(text, Measure("audit", unit="verdict", verdict=verdict)) == expected


def test_an_unfinished_run_decides_nothing() -> None:
    pending = Measure("clean-accuracy", (), dict.fromkeys(range(100), 1.0), pending=True)
    (decision,) = decide([parse_requirement("clean-accuracy >= 40%")], [pending])
    assert (decision.outcome, decision.value) == ("undecided", None)
    assert decision.sentence.endswith("as the run is not finished: go on with pixelproof resume.")


def test_many_requirements_do_not_fail_a_good_network() -> None:
    """One that is not met at α alone is not told so among twenty, as one of twenty falls below α by chance."""
    measures = [share(60, 100, "accuracy", (f"c{k}",)) for k in range(19)]
    assert 0.05 / 20 < exact.at_most(31, 100, 0.4) < 0.05
    one = share(31, 100, "accuracy", ("low",))
    assert outcome("accuracy(low) >= 40%", one) == "not met"
    texts = [f"accuracy({each.arguments[0]}) >= 40%" for each in [*measures, one]]
    found = decide(list(map(parse_requirement, texts)), [*measures, one])
    assert [each.outcome for each in found] == ["met"] * 19 + ["undecided"]
    assert found[-1].p == pytest.approx(20 * exact.at_most(31, 100, 0.4))


def test_means_are_decided_by_hoeffdings_bound() -> None:
    def mce(value: float, total: int) -> Measure:
        return Measure("mce", (), dict.fromkeys(range(total), value))

    assert outcome("mce <= 35%", mce(0.3, 1000)) == "met"
    assert outcome("mce <= 35%", mce(0.4, 1000)) == "not met"
    (decision,) = decide([parse_requirement("mce <= 35%")], [mce(0.3, 100)])
    assert decision.outcome == "undecided"
    assert decision.take is not None
    assert outcome("mce <= 35%", mce(0.3, decision.take)) == "met"
    assert outcome("mce <= 35%", mce(0.3, decision.take - 1)) == "undecided"
    assert decision.low < 0.3 < decision.high


def changed(worse: int, better: int, total: int) -> tuple[Measure, Measure]:
    """An old measure of which ``worse`` images are lost in the new one, and ``better`` won."""
    before = {k: float(k >= better) for k in range(total)}
    after = {k: 0.0 if k >= total - worse else 1.0 for k in range(total)}
    return Measure("clean-accuracy", (), before), Measure("clean-accuracy", (), after)


@pytest.mark.parametrize(
    ("worse", "better", "total", "expected"),
    [
        (0, 0, 100, "met"),
        (3, 3, 100, "met"),
        (0, 0, 20, "undecided"),
        (20, 2, 100, "not met"),
        (1, 0, 2, "undecided"),
        (8, 0, 1000, "met"),  # worse beyond chance, by less than is allowed
        (0, 40, 100, "met"),
    ],
)
def test_a_baseline(worse: int, better: int, total: int, expected: str) -> None:
    old, new = changed(worse, better, total)
    assert outcome("clean-accuracy >= baseline - 10%", new, baseline=[old]) == expected


def test_a_baseline_that_two_samples_cannot_be_held_to_says_how_many_can() -> None:
    old, new = changed(0, 0, 2)
    (decision,) = decide([parse_requirement("clean-accuracy >= baseline - 10%")], [new], [old])
    assert decision.outcome == "undecided"
    assert decision.take is not None
    assert exact.power_of_change(0.1, 0.0, decision.take, 0.05) >= exact.POWER
    assert exact.power_of_change(0.1, 0.0, decision.take - 1, 0.05) < exact.POWER
    old, new = changed(0, 0, decision.take)
    assert outcome("clean-accuracy >= baseline - 10%", new, baseline=[old]) == "met"


def test_less_may_be_better() -> None:
    old, new = (Measure("mce", (), dict.fromkeys(range(300), value)) for value in (0.2, 0.5))
    assert outcome("mce <= baseline + 10%", new, baseline=[old]) == "not met"
    assert outcome("mce <= baseline + 10%", old, baseline=[new]) == "met"


def test_no_worse_is_asked_of_all_in_common() -> None:
    old, new = changed(0, 0, 100)
    beside = share(3, 10, "accuracy", ("fog",))
    found = no_worse([new, beside, share(3, 10, "attack-success", ("l0", "1"))], [old, beside])
    assert [each.text for each in found] == ["clean-accuracy >= baseline - 10%", "accuracy(fog) >= baseline - 10%"]
    assert all(parse_requirement(each.text) == each for each in found)


def test_without_a_baseline() -> None:
    with pytest.raises(InputError, match=r"there is no baseline; name its run with --baseline\.$"):
        outcome("clean-accuracy >= baseline - 10%", share(1, 2))


def test_the_worst_outcome_counts() -> None:
    texts = ["clean-accuracy >= 1%", "clean-accuracy >= 61%", "clean-accuracy >= 90%"]
    found = decide(list(map(parse_requirement, texts)), [share(60, 100)])
    assert [each.outcome for each in found] == ["met", "undecided", "not met"]
    assert overall(found) == "not met"
    assert overall(found[:2]) == "undecided"
    assert overall(found[:1]) == "met"
    assert overall([]) == "undecided"
