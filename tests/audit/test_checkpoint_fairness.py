"""Checkpoint 17: no class falls behind the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from audit_kit import TINY, ask, bundled, case, claim, lenet
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.checkpoints.fairness import by_class, difference
from pixelproof.results.intervals import Interval, Rate

SMALL = replace(TINY, clean=1_000, samples=20, iterations=5)


class Unfair(nn.Module):
    """The bundled LeNet, which takes most cats (class 3) for dogs."""

    def __init__(self) -> None:
        super().__init__()
        self.network = lenet()

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)
        return scores - 4 * nn.functional.one_hot(torch.tensor(3), 10)


@pytest.mark.slow
def test_a_class_that_falls_behind_is_named() -> None:
    answer = ask(17, case(Unfair().eval(), claim(), SMALL))
    assert answer["verdict"] == "warn"
    assert "The class cat falls behind without attack" in answer["finding"]
    assert answer["remedy"]


def test_classes_by_hand() -> None:
    found = by_class([0, 1, 0, 1, 4], [True, False, True, True, True])
    assert found.rates == {0: Rate(2, 2), 1: Rate(1, 2), 4: Rate(1, 1)}
    assert (found.overall, found.worst, found.best) == (Rate(4, 5), 1, 0)
    assert found.gap[0] == 0.5
    assert not found.behind  # of two images nothing can be said


def test_honest_classes_are_rarely_called_unfair() -> None:
    """Ten classes of one accuracy, a thousand times: about one false alarm in a hundred is allowed."""
    generator = torch.Generator().manual_seed(0)
    labels = [k % 10 for k in range(300)]
    for share in (0.1, 0.5, 0.9):
        draws = torch.rand(1000, 300, generator=generator) < share
        assert sum(by_class(labels, each).behind for each in draws.tolist()) <= 20


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe (1998), table II, method 10.
    [
        (Rate(56, 70), Rate(48, 80), 0.0524, 0.3339),
        (Rate(5, 56), Rate(0, 29), -0.0381, 0.1926),
        (Rate(9, 10), Rate(3, 10), 0.1705, 0.8090),
    ],
)
def test_the_interval_of_a_difference(one: Rate, other: Rate, low: float, high: float) -> None:
    found, interval = difference(one, other, 0.95)
    assert found == pytest.approx(one.successes / one.total - other.successes / other.total)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_the_difference_of_equals_is_symmetric() -> None:
    found, interval = difference(Rate(3, 10), Rate(3, 10), 0.99)
    assert found == 0
    assert interval == Interval(-interval.high, interval.high)


@pytest.mark.slow
def test_an_honest_network_gets_no_fail_and_a_bar_for_every_class() -> None:
    audit = case(effort=SMALL)
    answer = ask(17, audit)
    assert answer["verdict"] in ("pass", "warn")
    rows = answer["plots"][0]["rows"]
    assert {row["name"] for row in rows if row["group"] == "without attack"} <= set(bundled().class_names)
    assert {row["name"] for row in rows} == {row["name"] for row in rows if row["group"] == "under attack"}
    fallen = set().union(*(each.broken for each in attempts(audit)))
    assert dict(answer["numbers"])["All, under attack"].startswith(f"{20 - len(fallen)}/20")


@pytest.mark.slow
def test_where_nothing_may_attack_the_clean_classes_are_judged() -> None:
    answer = ask(17, case(told=claim(threat={"norm": "l0", "epsilon": 3}), effort=SMALL))
    assert "Under attack nothing could be measured." in answer["notes"]


def test_one_class_alone() -> None:
    data = bundled()
    audit = case(effort=replace(SMALL, samples=5), data=data.take([k for k in range(1000) if data.labels[k] == 8][:30]))
    assert ask(17, audit)["verdict"] == "pass"
