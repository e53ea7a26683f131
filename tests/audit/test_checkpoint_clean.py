"""Checkpoint 2: the clean accuracy is what is claimed, of a model and data that are identified."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audit_kit import TINY, ask, bundled, case, claim, lenet
from pixelproof.defences.parse import parse_defence
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.jobs.audit.attacks import attempts
from pixelproof.models.wrap import wrap_model
from pixelproof.runs.record import Finding

pytestmark = pytest.mark.slow

FEW = replace(TINY, clean=300, samples=4)


class Changed(nn.Module):
    """The bundled LeNet with something before or behind it."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.network, self.way = lenet(), way
        self.norm = nn.BatchNorm2d(3)
        self.left = 1 << 20  # images that it answers before it wears out

    def forward(self, images: Tensor) -> Tensor:
        if self.way == "noise":
            images = images + 0.03 * torch.randn_like(images)
        if self.way == "norm":
            images = self.norm(images)
        if self.way == "batch":
            images = images - images.mean(0) + 0.45
        scores: Tensor = self.network(images)
        self.left -= len(images)
        return scores.roll(1, 1) if self.way == "order" or self.left < 0 else scores


def asked(model: object = None, found: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return ask(2, case(model, claim(**changes), FEW, **(found or {})))


def test_an_honest_claim_passes_and_is_told_what_identifies_it() -> None:
    audit = case(effort=replace(TINY, samples=20))
    answer = ask(2, audit)
    assert answer["verdict"] == "pass"
    assert any(bundled().content_hash in note for note in answer["notes"])
    assert any(audit.classifier.fingerprint in note for note in answer["notes"])
    numbers = dict(answer["numbers"])
    right = int(numbers["First half"].split("/")[0]) + int(numbers["Second half"].split("/")[0])
    assert numbers["Measured"].startswith(f"{right}/500")
    assert {attempt.attack for attempt in attempts(audit)} == {"pgd(norm=linf,epsilon=1,iterations=20,restarts=1)"}
    assert len(attempts(audit)) == 2  # one a seed
    assert answer["plots"][0]["rule"][0] == 76


def test_an_overstated_accuracy_fails_and_an_understated_one_warns() -> None:
    audit = case(told=claim(clean_accuracy=92), effort=FEW)
    answer = ask(2, audit)
    assert answer["verdict"] == "fail"
    assert "92 % is claimed, but" in answer["finding"]
    audit.claim = claim(clean_accuracy=60)
    assert ask(2, audit)["verdict"] == "warn"


def test_a_model_at_chance_fails_also_where_nothing_more_is_claimed() -> None:
    answer = asked(Changed("order"), clean_accuracy=5, robust_accuracy=5)
    assert answer["verdict"] == "fail"
    assert "cannot be told from chance among 10 classes" in answer["finding"]
    assert answer["remedy"].startswith("Check the order of the classes")


def test_too_few_images_to_tell_from_chance_are_no_fail() -> None:
    answer = ask(2, case(effort=replace(TINY, clean=3, samples=2)))
    assert answer["verdict"] == "warn"


def test_training_mode_that_changes_answers_fails() -> None:
    model = Changed("norm").eval()
    assert asked(model, clean_accuracy=76)["verdict"] == "pass"
    before = model.norm.running_mean.clone()
    answer = asked(model.train())
    assert answer["verdict"] == "fail"
    assert "came in training mode" in answer["finding"]
    assert answer["remedy"].startswith("Call eval()")
    assert torch.equal(model.norm.running_mean, before)
    assert model.training


def test_training_mode_behind_a_defence_is_seen_too() -> None:
    defence = parse_defence("bits(6)")
    model = PreprocessedClassifier(wrap_model(Changed("norm").train()), defence)
    assert asked(model)["verdict"] == "fail"


@pytest.mark.parametrize("way", ["plain", "noise"])
def test_training_mode_that_changes_nothing_is_no_fail(way: str) -> None:
    answer = asked(Changed(way).train())
    assert answer["verdict"] == "warn"
    assert "no more than a second call does" in answer["finding"]


def test_a_model_that_cannot_be_copied_is_no_fail() -> None:
    model = wrap_model(Changed("norm").train())
    model.module.lock = (each for each in ())  # type: ignore[attr-defined]  # generators cannot be copied
    answer = asked(model)
    assert answer["verdict"] == "warn"
    assert "cannot be asked in it" in answer["finding"]


def test_answers_that_depend_on_the_batch_fail() -> None:
    audit = case(Changed("batch").eval(), claim(clean_accuracy=60), FEW)
    audit.findings = (Finding("batch-dependent", "warning", "The scores change with the batch."),)
    answer = ask(2, audit)
    assert answer["verdict"] == "fail"
    assert "scores of an image depend on its batch" in answer["finding"]


def test_wrong_wiring_warns_in_the_words_of_the_preflight() -> None:
    network = lenet().eval()
    answer = asked(lambda images: network(images / 255), clean_accuracy=15, robust_accuracy=0)
    told = [answer["finding"], *answer["notes"]]
    assert any("seems to expect values" in each for each in told)


def test_a_random_model_is_allowed_the_best_of_its_ways_to_answer() -> None:
    audit = case(Changed("noise").eval(), claim(clean_accuracy=72), FEW)
    answer = ask(2, audit)
    assert answer["verdict"] == "pass"
    assert {"Second call", f"Mean of {FEW.draws} answers"} <= dict(answer["numbers"]).keys()
    audit.claim = claim(clean_accuracy=95)
    assert ask(2, audit)["verdict"] == "fail"


def test_a_model_that_remembers_what_it_was_asked_is_seen() -> None:
    model = Changed("plain").eval()
    audit = case(model, claim(clean_accuracy=30, robust_accuracy=10), FEW)
    model.left = 150
    answer = ask(2, audit)
    assert answer["verdict"] == "warn"
    assert "differ by more than chance" in answer["finding"]


def test_another_model_or_data_than_claimed_fails() -> None:
    audit = case(effort=FEW)
    for what, found in (("model", audit.classifier.fingerprint), ("data", audit.data.content_hash)):
        audit.claim = claim(**{f"{what}_sha256": found})
        assert ask(2, audit)["verdict"] == "pass"
        audit.claim = claim(**{f"{what}_sha256": "ab" * 32})
        answer = ask(2, audit)
        assert answer["verdict"] == "fail"
        assert f"here is {what} {found[:12]}" in answer["finding"]


def test_a_range_of_the_data_is_not_taken_for_other_data() -> None:
    audit = case(told=claim(data_sha256="ab" * 32), effort=FEW)
    audit.whole = False
    assert ask(2, audit)["verdict"] == "warn"


def test_without_gradients_there_is_no_second_seed() -> None:
    network = lenet().eval()
    answer = asked(lambda images: network(images))
    assert answer["verdict"] == "pass"
    assert not any("seed" in name for name, _ in answer["numbers"])
    assert asked(threat={"norm": "l0", "epsilon": 3})["verdict"] == "pass"
