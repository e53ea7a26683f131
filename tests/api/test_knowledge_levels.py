"""Levels of attackers who see labels, scores or gradients, from one run."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

import pixelproof as pp
from pixelproof.data import load_data
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier, load_model
from pixelproof.report.assess import assess_page
from pixelproof.results.document import document

DATA = load_data("bundled")
KINDS = ("labels", "scores", "gradients")


def lenet() -> nn.Module:
    found = load_model("zoo:lenet")
    assert isinstance(found, TorchClassifier)
    return found.module


class Masked(nn.Module):
    """A network whose gradients are 0."""

    def __init__(self) -> None:
        super().__init__()
        self.network = lenet()

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.network(images.detach() + 0 * images)
        return answer


@pytest.fixture(scope="module")
def result() -> pp.Result:
    torch.set_num_threads(1)
    images, labels = DATA.images[:20], DATA.labels[:20]
    return pp.assess(
        Masked(), images, labels, knowledge=KINDS, levels=(1, 5), samples=4, max_queries=100, attacks="threshold"
    )


def test_there_is_a_row_for_each_level_and_kind_of_knowledge(result: pp.Result):
    assert [(row.threshold, row.knowledge) for row in result.knowledge] == [(th, k) for th in (1, 5) for k in KINDS]
    by = {row.knowledge: row.methods for row in result.knowledge}
    assert by == {"labels": ("label-regression",), "scores": ("gradient-regression",), "gradients": ("apgd",)}
    for row in result.knowledge:
        assert row.rate.total == 4
        distances = [
            r.linf for r in result.run.records() if r.method in row.methods and r.success and r.sample in row.broken
        ]
        assert min(distances, default=0) <= row.threshold  # type: ignore[type-var, operator]


def test_masked_gradients_that_scores_get_round_are_said(result: pp.Result):
    broken = {row.knowledge: row.broken for row in result.knowledge if row.threshold == 5}
    ahead = len(broken["scores"] - broken["gradients"])
    assert ahead > len(broken["gradients"] - broken["scores"])
    page = assess_page(result.run).html()
    assert "Levels by what the attacker sees" in page
    assert f"th = 5: scores broke {ahead} images that gradients did not" in page


def test_the_document_holds_them(result: pp.Result):
    rows = json.loads(json.dumps(document(result.run)))["knowledge"]
    assert [(row["threshold"], row["knowledge"], row["broken"]) for row in rows] == [
        (row.threshold, row.knowledge, row.rate.successes) for row in result.knowledge
    ]


def test_the_page_and_the_document_say_how_far_each_is_from_the_best(result: pp.Result):
    rows = json.loads(json.dumps(document(result.run)))["knowledge"]
    reached = {row["knowledge"]: row["optimality"] for row in rows}
    assert set(reached) == set(KINDS)
    assert 0 <= reached["gradients"] < reached["scores"] <= 1
    assert "Of the best known" in assess_page(result.run).html()


def test_labels_alone_need_no_searches_and_no_scores():
    network = lenet()

    def labels_only(images: Tensor) -> Tensor:
        with torch.no_grad():
            answer: Tensor = network(images).argmax(1)
            return answer

    found = pp.assess(
        labels_only,
        DATA.images[:9],
        DATA.labels[:9],
        knowledge="labels",
        samples=2,
        max_queries=300,
        class_names=DATA.class_names,
    )
    assert {record.method for record in found.run.records()} == {"label-pixels", "label-regression"}
    assert found.knowledge == []  # one kind alone
    assert any(record.success for record in found.run.records())
    with pytest.raises(InputError, match="needs gradients"):
        pp.assess(
            labels_only,
            DATA.images[:9],
            DATA.labels[:9],
            knowledge="gradients",
            samples=2,
            class_names=DATA.class_names,
        )
