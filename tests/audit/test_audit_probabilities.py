"""A model that gives probabilities, whose log-scores are float64, at every checkpoint."""

from __future__ import annotations

from functools import cache

import pytest
from torch import Tensor, nn

from audit_kit import SMALLEST, Noisy, ask, bundled, case, lenet
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.context import AuditContext

pytestmark = pytest.mark.slow


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = lenet()

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images)
        return scores


@cache
def audit(network: type[nn.Module]) -> AuditContext:
    found = case(nn.Sequential(network(), nn.Softmax(1)), effort=SMALLEST, data=bundled().take(slice(0, 120)))
    assert found.classifier.kind == "probabilities"
    return found


@pytest.mark.parametrize("number", [each.number for each in CHECKPOINTS])
@pytest.mark.parametrize("network", [Bare, Noisy])
def test_probabilities_are_asked_about_as_logits_are(network: type[nn.Module], number: int) -> None:
    answer = ask(number, audit(network))
    assert answer["verdict"] == "person" if number == 19 else answer["verdict"] in ("pass", "warn", "fail")


def test_the_noise_that_comes_nearest_is_that_of_the_logits() -> None:
    """Softmax keeps the order of margins of one image, so the same draws are judged."""
    bare = case(lenet(), effort=SMALLEST, data=bundled().take(slice(0, 120)))
    assert ask(9, audit(Bare))["numbers"] == ask(9, bare)["numbers"]
