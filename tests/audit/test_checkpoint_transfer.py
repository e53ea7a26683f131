"""Checkpoint 15: images made on another network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from audit_kit import TINY, ask, bundled, case, claim, lenet
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.audit.checkpoints.transfer import stored
from pixelproof.jobs.audit.context import AuditContext
from pixelproof.jobs.runner import run_job
from pixelproof.models import load_model
from pixelproof.results.audit.claim import Claim

pytestmark = pytest.mark.slow

FAST = replace(TINY, samples=20, iterations=10, substitute_epochs=1)


def few(model: object = None, told: Claim | None = None, **options: Any) -> AuditContext:
    return case(model, told, FAST, data=bundled().take(range(120)), **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of PGD on the bundled LeNet's samples here."""
    folder = tmp_path_factory.mktemp("runs") / "pgd"
    audit = few()
    spec = make_spec(model="zoo:lenet", data="bundled", attacks=("pgd(epsilon=8)",), samples=13, device="cpu")
    network = load_model("zoo:lenet")
    run_job(AssessJob(spec, network, audit.samples.chosen), folder).close()
    return str(folder)


class Masked(torch.nn.Module):
    """Scores that move on a step so fine that the gradient says nothing of where they rise."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inner(images).detach() + 1e-6 * images.sum((1, 2, 3))[:, None]


def test_an_honest_network_passes():
    answer = ask(15, few())
    assert answer["verdict"] == "pass"
    assert "0 are fooled only by images made on another network" in answer["finding"]
    assert len(answer["questions"]) == 1


def test_stored_images_that_gradients_do_not_find_fail(run):
    told = claim(robust_accuracy=25, threat={"epsilon": 8}, evaluation={"adaptive": False})
    answer = ask(15, few(Masked(), told, stored=(run,)))
    assert answer["verdict"] == "fail"
    assert "Transfer beats the model's own gradients" in answer["finding"]


def test_a_black_box_claim_is_no_more_than_warned_of_masked_gradients(run):
    told = claim(robust_accuracy=25, threat={"epsilon": 8, "knowledge": "black-box"}, evaluation={"adaptive": False})
    assert ask(15, few(Masked(), told, stored=(run,)))["verdict"] == "warn"


def test_stored_images_refute_a_claim(run):
    network = lenet()
    told = claim(robust_accuracy=75, threat={"epsilon": 8})
    answer = ask(15, few(lambda images: network(images), told, stored=(run,)))
    assert answer["verdict"] == "fail"
    assert "75 % is claimed" in answer["finding"]


def test_stored_images_count_for_the_samples_they_were_made_of(run):
    audit = few(told=claim(threat={"epsilon": 8}))
    found = stored(audit, run)
    assert len(found.rows) == 13
    assert set(found.rows) <= set(audit.decision.right)
    assert found.right.successes == 0  # the run's own network, which PGD fools there on all
    assert not stored(few(told=claim(threat={"epsilon": 1})), run).broken  # outside that ball


def test_a_folder_that_holds_no_run_is_noted(tmp_path):
    answer = ask(15, few(stored=(str(tmp_path),)))
    assert answer["verdict"] == "pass"
    assert "holds no run" in answer["notes"][0]


def test_without_gradients_there_is_nothing_to_hold_it_against():
    network = lenet()
    answer = ask(15, few(lambda images: network(images).softmax(1), claim()))
    assert answer["verdict"] == "pass"
    assert "no gradients to hold them against" in answer["finding"]


def test_l0_is_skipped():
    answer = ask(15, few(told=claim(threat={"norm": "l0", "epsilon": 1})))
    assert answer["verdict"] == "skipped"
