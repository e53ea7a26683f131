"""Bounds carried backwards: never above what any image of the box comes to, and closer than zonotopes alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pixelproof.models.torch_module import TorchClassifier
from pixelproof.proofs import backward
from pixelproof.proofs.backward import Backward
from pixelproof.proofs.bounds import prove_bounds
from pixelproof.proofs.check import check
from pixelproof.proofs.check_bounds import lowest_margins
from pixelproof.proofs.check_network import Network
from pixelproof.proofs.graph import simplified
from pixelproof.proofs.linf import ball
from pixelproof.proofs.margins import Margins
from pixelproof.proofs.reading import read_module
from pixelproof.runs.record import Certificate
from prover_nets import NETWORKS, SIZE, Pooled, built, picture

WITHOUT_MAXIMA = [network for network in NETWORKS if network is not Pooled]
THRESHOLD = 6


def deep(seed: int = 0) -> nn.Module:
    """Ten rectified convolutions, through which zonotopes alone grow."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for channels in (3, *[6] * 9):
        layers += [nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=(2 / (9 * channels)) ** 0.5)  # type: ignore[arg-type]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * SIZE[0] * SIZE[1], 3)).eval()


def unit(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).double() / 255


def around(image: np.ndarray, threshold: int, count: int) -> torch.Tensor:
    """Random images of the box, corners mostly: count×C×H×W in [0, 1]."""
    random = np.random.default_rng(1)
    moves = random.choice([-threshold, threshold, 0], size=(count, *image.shape), p=[0.45, 0.45, 0.1])
    return torch.from_numpy((image + moves).clip(0, 255)).permute(0, 3, 1, 2).double() / 255


def _as_convolutions_leave_it(value: torch.Tensor) -> torch.Tensor:
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value


@pytest.mark.parametrize("network", [*WITHOUT_MAXIMA, lambda: deep()])
def test_no_image_of_the_box_is_below_a_bound(network, monkeypatch):
    """Of random sums of every value; each ReLU's interval is made closer on the way, and holds too."""
    monkeypatch.setattr(backward, "WORTH", -1.0)
    module, image = (built(network, 1) if network in WITHOUT_MAXIMA else network()), picture(1)
    graph = simplified(read_module(module, SIZE))
    found = graph.values(around(image, THRESHOLD, 400))
    with torch.no_grad():
        margins = Margins(graph, unit(image), 0)
        bounds = Backward(graph, margins.values, ball(margins.image, THRESHOLD), lambda: None)
        for number, node in enumerate(graph.nodes, 1):
            source = node.inputs[0]
            if type(node.layer).__name__ == "ReLU":
                rows = torch.eye(found[source][0].numel()).double().view(-1, *found[source].shape[1:])
                low, high = bounds.lowest(source, rows), -bounds.lowest(source, -rows)
                shape = margins.values[source].shape
                closer = bounds.interval(number, *(_as_convolutions_leave_it(end.view(shape)) for end in (low, high)))
                assert (found[source] >= closer[0] - 1e-9).all()
                assert (found[source] <= closer[1] + 1e-9).all()
            rows = torch.randn(5, *found[number].shape[1:], generator=torch.Generator().manual_seed(number)).double()
            sums = (found[number][:, None] * rows).flatten(2).sum(2)
            assert (sums.amin(0) >= bounds.lowest(number, rows) - 1e-9).all()


def test_a_bound_of_what_is_affine_is_exact():
    """Without a ReLU a sum is lowest at a corner of the box, which is known in closed form."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Flatten(), nn.LazyLinear(3))
    image = picture(2)
    module(unit(image)[None].float())
    graph = simplified(read_module(module, SIZE))
    values, box = graph.values(unit(image)[None]), ball(unit(image), THRESHOLD)
    [bound] = Backward(graph, values, box, lambda: None).lowest(len(graph.nodes), torch.tensor([[1.0, -1, 0]]).double())
    point = (unit(image)[None] + box.centre).requires_grad_()
    scores = graph(point)[0]
    (slope,) = torch.autograd.grad(scores[0] - scores[1], point)
    corner = point.detach() - slope.sign() * box.radius()
    assert float(bound) == pytest.approx(float((graph(corner) @ torch.tensor([1.0, -1, 0]).double())[0]), abs=1e-9)


def proof() -> tuple[Certificate, np.ndarray, TorchClassifier]:
    module, image = deep(), picture(3)
    with torch.no_grad():
        module[-1].bias += torch.tensor([1000.0, 0, 0]) - module(unit(image)[None].float())[0]
    found = prove_bounds(module, image, 0, "threshold", THRESHOLD, 60.0)
    assert found.proved
    facts = (found.size, found.queries, found.seconds, found.body)
    return Certificate(0, "threshold", THRESHOLD, "bounds", "", True, "", *facts), image, TorchClassifier(module)


def test_the_checker_comes_to_the_same_bound():
    """By its own code; without the layers that the certificate names it comes to a lower one."""
    certificate, image, classifier = proof()
    named = certificate.body["closer"]
    assert named
    assert check(certificate, image, 0, classifier) is None
    network, clean = Network(classifier.module, image), torch.from_numpy(image).permute(2, 0, 1)[None].long()
    box = (clean - THRESHOLD).clamp(0), (clean + THRESHOLD).clamp(max=255)
    with torch.no_grad():
        bounds, closer = Margins(simplified(read_module(classifier.module, SIZE)), unit(image), 0).in_box(
            ball(unit(image), THRESHOLD)
        )
    assert closer == named
    assert float(lowest_margins(network, 0, *box, named)) == pytest.approx(float(bounds.min()), rel=1e-9)
    assert float(lowest_margins(network, 0, *box)) < float(bounds.min()) - 1


def test_a_certificate_that_names_too_few_layers_is_refused():
    certificate, image, classifier = proof()
    network, clean = Network(classifier.module, image), torch.from_numpy(image).permute(2, 0, 1)[None].long()
    box = (clean - THRESHOLD).clamp(0), (clean + THRESHOLD).clamp(max=255)
    closer = float(lowest_margins(network, 0, *box, certificate.body["closer"]))
    with torch.no_grad():  # what is left of the bound is hardly anything
        classifier.module[-1].bias[0] -= closer - 0.1
    assert check(certificate, image, 0, classifier) is None
    certificate.body["closer"] = []
    assert "which is not above" in check(certificate, image, 0, classifier)


def test_maxima_are_not_bounded_backwards():
    module, image = built(Pooled, 0), picture(0)
    network, clean = Network(module, image), torch.from_numpy(image).permute(2, 0, 1)[None].long()
    with pytest.raises(Exception, match="which maxima do not let through"):
        lowest_margins(network, 0, clean, clean, [0])
    assert not Backward.serves(simplified(read_module(module, SIZE)))
