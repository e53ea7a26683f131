"""The checker, which shares no code with the prover, accepts what it proves, and nothing less."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pixelproof.models.torch_module import TorchClassifier
from pixelproof.proofs.bounds import prove_bounds
from pixelproof.proofs.branch_and_bound import packed
from pixelproof.proofs.check import check
from pixelproof.runs.record import Certificate
from prover_nets import NETWORKS, built, picture

pytestmark = pytest.mark.slow


def proved(network, constraint, threshold) -> tuple[Certificate, np.ndarray, TorchClassifier]:
    """A certificate on a network that answers 0 with a margin that is far enough above zero."""
    module, image = built(network, 3, scale=1.0), picture(3)
    head = [each for each in module.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        head.bias[0] += 5
    attempt = prove_bounds(module, image, 0, constraint, threshold, 60.0)
    assert attempt.proved
    facts = (attempt.size, attempt.queries, attempt.seconds, attempt.body)
    certificate = Certificate(0, constraint, threshold, "bounds", "", True, "", *facts)
    return certificate, image, TorchClassifier(module, kind="logits")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("constraint", "threshold"), [("few-pixel", 1), ("threshold", 1)])
def test_the_checker_accepts_what_is_proved(network, constraint, threshold):
    certificate, image, classifier = proved(network, constraint, threshold)
    assert check(certificate, image, 0, classifier) is None


def test_the_checker_misses_a_box_that_is_left_out():
    certificate, image, classifier = proved(NETWORKS[0], "few-pixel", 1)
    raw = zlib.decompress(base64.b64decode(certificate.body["leaves"]))
    leaves = np.frombuffer(raw, "<i2").reshape(certificate.size, -1)[1:].astype(np.int64)
    body = certificate.body | {"leaves": packed(leaves), "count": len(leaves)}
    assert check(replace(certificate, body=body, size=len(leaves)), image, 0, classifier) is not None
