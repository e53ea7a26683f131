"""Checkpoint 1: the threat model is complete, and the evaluation lies within it."""

from __future__ import annotations

from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from audit_kit import ask, case, claim
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.audit.spec import read_claim
from pixelproof.results.audit.claim import Claim

TOLD = {"attack": "AutoAttack", "norm": "linf", "epsilon": 8, "goal": "untargeted", "iterations": 100, "samples": 1000}
THREAT = {"goal": "untargeted", "knowledge": "white-box", "norm": "linf", "epsilon": 8}


base = cache(case)  # nothing is measured of it


def of(told: Claim) -> AuditContext:
    audit = copy(base())
    audit.claim, audit.threat = told, told.threat
    return audit


def asked(
    threat: dict[str, Any] | None = None, evaluation: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    told = claim(threat={**THREAT, **(threat or {})}, evaluation={**TOLD, **(evaluation or {})}, **more)
    return ask(1, of(told))


@pytest.mark.slow
def test_an_evaluation_within_the_threat_model_passes() -> None:
    answer = asked()
    assert (answer["verdict"], answer["notes"]) == ("pass", ())
    assert dict(answer["numbers"])["Not told"] == "nothing"
    assert len(answer["questions"]) == 2


@pytest.mark.slow
def test_the_example_passes() -> None:
    told = read_claim(Path(__file__).parents[2] / "examples" / "claim.toml")
    assert ask(1, of(told))["verdict"] == "pass"


@pytest.mark.parametrize(
    ("threat", "evaluation", "words"),
    [
        ({}, {"norm": "l2"}, "Robustness in L∞ is claimed, but it was measured in L2."),
        ({}, {"epsilon": 4}, "Robustness up to an epsilon of 8 is claimed, but only 4 was measured."),
        ({}, {"epsilon": 8 / 255}, "only 0.0313725 was measured. That is a 255th of it"),
        ({}, {"goal": "targeted"}, "the attack was targeted"),
        ({}, {"attack": "square"}, "the claim is about a white-box attacker, but square uses scores alone"),
        ({}, {"attack": "Hop-Skip-Jump"}, "hop-skip-jump uses labels alone"),
        ({}, {"attack": "pgd(norm=l2,epsilon=8)", "norm": None}, "it was measured in L2"),
        ({}, {"attack": "pgd(epsilon=2)", "epsilon": None}, "only 2 was measured"),
        ({"epsilon": 8 / 255}, {"epsilon": 8 / 255}, "it allows no attack. As a share of the range it would be 8."),
    ],
)
def test_a_claim_beyond_what_was_measured_fails(threat: dict[str, Any], evaluation: dict[str, Any], words: str) -> None:
    answer = asked(threat, evaluation)
    assert answer["verdict"] == "fail"
    assert words.lower() in answer["finding"].lower()
    assert answer["remedy"]


@pytest.mark.parametrize(
    ("threat", "evaluation"),
    [
        ({}, {"epsilon": 16}),  # a larger ball holds the smaller
        ({"goal": "targeted"}, {}),  # who gets none wrong gets none to the target
        ({"knowledge": "black-box", "queries": 1000}, {"attack": "square", "iterations": None}),
        ({"knowledge": "black-box", "queries": 1000}, {}),  # more knowledge than the attacker has
        ({}, {"attack": "square and AutoPGD"}),  # no spelling of ours, so nothing is read into it
        ({"epsilon": 8}, {"epsilon": 7.9999}),  # rounded on its way through a text
    ],
)
def test_a_stronger_evaluation_passes(threat: dict[str, Any], evaluation: dict[str, Any]) -> None:
    assert asked(threat, evaluation)["verdict"] == "pass"


def test_what_is_not_told_is_named() -> None:
    answer = asked(evaluation={"norm": None, "epsilon": None, "goal": None, "iterations": None, "samples": None})
    assert answer["verdict"] == "warn"
    assert "norm, epsilon, goal and samples are not told" in answer["finding"]  # AutoAttack's iterations are its own
    assert "iterations" in asked(evaluation={"attack": "PGD-20", "iterations": None})["finding"]
    assert asked(evaluation={"attack": "pgd(iterations=20)", "iterations": None})["verdict"] == "pass"


def test_a_black_box_attacker_has_a_number_of_queries() -> None:
    answer = asked({"knowledge": "black-box"})
    assert answer["verdict"] == "warn"
    assert "number of queries is not stated" in answer["finding"]


def test_few_pixels_are_no_white_box_attack_but_there_is_no_better() -> None:
    l0 = {"norm": "l0", "epsilon": 5}
    assert asked(l0, {**l0, "attack": "few-pixel"})["verdict"] == "pass"
    assert asked(l0, {**l0, "attack": "zoo"})["verdict"] == "warn"


def test_figures_are_compared_within_one_threat_model() -> None:
    alike = {"name": "TRADES", "robust_accuracy": 20.0, "threat": THREAT}
    assert asked(comparisons=[alike])["verdict"] == "pass"
    other = {**alike, "threat": {**THREAT, "epsilon": 4, "norm": "l2"}}
    answer = asked(comparisons=[alike, other])
    assert answer["verdict"] == "fail"
    assert "norm l2 against linf and epsilon 4 against 8" in answer["finding"]


def test_all_faults_are_told() -> None:
    answer = asked(evaluation={"norm": "l2", "goal": "targeted", "attack": "boundary", "samples": None})
    assert answer["verdict"] == "fail"
    told = [answer["finding"], *answer["notes"]]
    for words in ("measured in L2", "was targeted", "labels alone", "samples is not told"):
        assert sum(words in each for each in told) == 1, words


@pytest.mark.parametrize(
    "attack", ["PGD on another network", "transfer from a ResNet-18", "black-box", "pgd on one member", "a substitute"]
)
def test_a_white_box_claim_by_images_of_something_else_fails(attack: str):
    answer = ask(1, case(told=claim(evaluation={"attack": attack, "adaptive": False})))
    assert answer["verdict"] == "fail"
    assert "transferred from another network, or from a member" in answer["finding"]
    black = claim(evaluation={"attack": attack}, threat={"knowledge": "black-box", "queries": 100})
    assert ask(1, case(told=black))["verdict"] != "fail"
    beside = claim(evaluation={"attack": f"autoattack, then {attack}", "adaptive": False})
    assert ask(1, case(told=beside))["verdict"] == "warn"
    knowing = claim(evaluation={"attack": "apgd on the bare network, judged by the whole", "adaptive": True})
    assert ask(1, case(told=knowing))["verdict"] == "pass"
