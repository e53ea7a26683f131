"""Checkpoint 14: a limit on queries is no defence."""

from __future__ import annotations

import pytest
import torch

from audit_kit import ask, case, claim, lenet
from pixelproof.attacks.named import parse_attack
from pixelproof.jobs.audit.attacks import attack, on_scores
from pixelproof.jobs.audit.checkpoints.query_limits import queries_to_fool

pytestmark = pytest.mark.slow

ROWS = range(40)


def test_the_queries_are_those_after_which_a_shorter_attack_fools_too():
    """Square leaves a sample at its first success, so what it was asked till then is on its counter."""
    audit = case(told=claim(threat={"epsilon": 4}))
    spelling = on_scores(audit.threat, audit.effort)
    broken = sorted(attack(audit, spelling, "plain").broken.intersection(audit.decision.right))
    found = queries_to_fool(audit, spelling, broken)
    rows = torch.tensor(broken)
    oracle = audit.access.oracle(len(rows), "plain")
    parse_attack(spelling)(
        oracle, audit.samples.images[rows], audit.samples.goal(rows), audit.samples.streams(f"{spelling}|", rows)
    )
    assert found == dict(zip(broken, oracle.queries.tolist(), strict=True))


def test_without_a_limit_the_curve_falls_and_ends_where_the_attack_does():
    audit = case(told=claim(threat={"epsilon": 4}))
    answer = ask(14, audit)
    assert answer["verdict"] == "pass"
    shares = [row["y"] for row in answer["plots"][0]["rows"]]
    assert shares == sorted(shares, reverse=True)
    standing = attack(audit, on_scores(audit.threat, audit.effort), "plain").right
    assert shares[-1] == 100 * standing.successes / 40


def test_a_limit_that_alone_holds_is_warned_of():
    answer = ask(14, case(told=claim(robust_accuracy=60, threat={"epsilon": 8, "queries": 2})))
    assert answer["verdict"] == "warn"
    assert "The limit holds, not the model" in answer["finding"]
    assert answer["plots"][0]["mark"] == (2, "allowed")


def test_a_claim_that_falls_within_its_own_limit_fails():
    answer = ask(14, case(told=claim(robust_accuracy=76, threat={"epsilon": 16, "queries": 150})))
    assert answer["verdict"] == "fail"


def test_a_limit_above_what_was_tried_passes_with_both_numbers():
    answer = ask(14, case(told=claim(robust_accuracy=10, threat={"epsilon": 4, "queries": 10_000})))
    assert answer["verdict"] == "pass"
    assert "200 queries each, of the 10,000 allowed" in answer["finding"]


def test_labels_alone_are_attacked_by_labels():
    network = lenet()

    def labels(images):
        scores = network(images)
        return torch.nn.functional.one_hot(scores.argmax(1), scores.shape[1])

    answer = ask(14, case(labels, claim(threat={"epsilon": 16})))
    assert answer["verdict"] == "pass"
    assert answer["numbers"][0][1].startswith("hop-skip-jump")


def test_l0_is_skipped():
    answer = ask(14, case(told=claim(threat={"norm": "l0", "epsilon": 1})))
    assert answer["verdict"] == "skipped"
    assert "few-pixel" in answer["finding"]
