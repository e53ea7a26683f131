"""Checkpoint 13: hiding scores is no defence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from audit_kit import TINY, ask, bundled, case, claim, lenet
from pixelproof.defences import defend
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.jobs.audit.checkpoints.hidden_scores import hidden
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

#: Enough samples that labels alone can refute a claim of 75 %.
FEW = replace(TINY, samples=20, label_samples=10, substitute_epochs=1)


class Labels(torch.nn.Module):
    """A network that tells its answer and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores = self.inner(images)
        return torch.nn.functional.one_hot(scores.argmax(1), scores.shape[1]).float()


class Told(torch.nn.Module):
    """A network whose probabilities go through a function."""

    def __init__(self, change) -> None:
        super().__init__()
        self.inner, self.change = lenet(), change

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.change(self.inner(images).softmax(1))


def highest(probabilities: torch.Tensor) -> torch.Tensor:
    """The two highest; the others share the rest."""
    kept = probabilities.topk(2)
    rest = (1 - kept.values.sum(1, keepdim=True)) / (probabilities.shape[1] - 2)
    return rest.expand_as(probabilities).scatter(1, kept.indices, kept.values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p, ""),
        (highest, "only the highest 2 of 10 scores"),
        (lambda p: (p * 100).round() / 100, "scores rounded to 2 decimals"),
        (lambda p: (p * 16).round() / 16, "scores of few distinct values"),
        (lambda p: torch.log(p + 0.1), ""),
        (lambda p: 1e4 * torch.log(p + 1e-6), ""),  # single precision alone rounds these to some decimals
    ],
)
def test_what_is_kept_back_is_found(change, words):
    assert hidden(case(Told(change))) == words


def test_a_defence_of_the_output_is_named():
    assert hidden(case(defend(load_model("zoo:lenet"), "round(1)"))) == "its scores only behind round(1)"


def test_a_network_that_tells_its_scores_passes_unattacked():
    audit = case()
    assert ask(13, audit)["verdict"] == "pass"
    assert not attempts(audit)


def test_labels_alone_do_not_save_an_overstated_claim():
    answer = ask(
        13, case(Labels(), claim(robust_accuracy=75, threat={"epsilon": 16}), FEW, data=bundled().take(range(120)))
    )
    assert answer["verdict"] == "fail"
    assert "labels alone" in answer["finding"]


def test_an_honest_claim_of_a_network_that_tells_labels_is_no_more_than_warned_of():
    audit = case(Labels(), claim(robust_accuracy=25), FEW, data=bundled().take(range(120)))
    answer = ask(13, audit)
    assert answer["verdict"] == "warn"
    assert {each.needs for each in attempts(audit)} == {"labels"}


def test_on_l0_few_pixels_take_the_place_of_other_attacks():
    audit = case(Labels(), claim(robust_accuracy=20, threat={"norm": "l0", "epsilon": 3}))
    answer = ask(13, audit)
    assert answer["verdict"] == "warn"
    assert [name for name, _ in answer["numbers"]][2:4] == [
        "Right after few-pixel(th=1)",
        "Right after few-pixel(th=3)",
    ]
