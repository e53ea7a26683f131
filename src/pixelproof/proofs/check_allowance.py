"""How far the deployed float32 scores may be from exact ones: the allowance τ that a bound must exceed.

Higham (2002), "Accuracy and stability of numerical algorithms", section 3.1: a sum of n products, in whatever order, is
off by at most γ_n Σ|w||x|, γ_n = n u / (1 − n u). That of every layer reaches the margins as far as they depend on it,
to first order, at the clean image.
"""

import copy

import torch
from torch import Tensor, fx, nn

from pixelproof.proofs.check_network import Network, Step, normalising

#: The unit roundoff u of float32.
UNIT = 2.0**-24


def allowance(network: Network, label: int) -> float:
    """τ = max over j ≠ ``label`` of Σ |∂(score of ``label`` − score of j)/∂v| γ_n (|W||x| + |b|) over all values v."""
    values: dict[fx.Node, Tensor] = {}
    for step in network.steps:
        inputs = [values[node] for node in step.inputs]
        value = step.run(*inputs)
        values[step.node] = value if value.requires_grad else value.detach().requires_grad_()
    with torch.no_grad():
        errors = [_error(network, step) for step in network.steps]
    scores, nodes = values[network.output][0], [values[step.node] for step in network.steps]
    totals = []
    for other in range(len(scores)):
        if other != label:
            slopes = torch.autograd.grad(scores[label] - scores[other], nodes, retain_graph=True, allow_unused=True)
            totals.append(sum(float((s.abs() * e).sum()) for s, e in zip(slopes, errors, strict=True) if s is not None))
    return max(totals)


def _error(network: Network, step: Step) -> Tensor:
    """γ_n (|W||x| + |b|) of every value of a step."""
    terms, size = _sum(network, step)
    return size * (terms * UNIT / (1 - terms * UNIT))


def _sum(network: Network, step: Step) -> tuple[int, Tensor]:
    """The n terms that every value of the step sums up, and their absolute sum."""
    here, module = network.clean[step.node], step.module
    inputs = [network.clean[node].abs() for node in step.inputs]
    match step.layer:
        case "image":
            return 1, here.abs()
        case "product":
            assert isinstance(module, (nn.Conv2d, nn.Linear))
            return module.weight[0].numel() + 1, _absolute(module)(*inputs)
        case "normalise":  # x·α + β with α = weight/√(variance + ε), β = bias − mean·α
            return 6, _normalising(step, inputs[0])
        case "sum":
            parts = [network.linear(step, k, network.clean[node]) for k, node in enumerate(step.inputs)]
            constant = step.run(*map(torch.zeros_like, inputs))
            return 1, sum((part.abs() for part in parts), constant.abs())
        case "scale" | "quotient":
            return 1, here.abs()
        case "mean":
            return inputs[0].numel() // here.numel() + 1, step.run(*inputs)
    return 0, torch.zeros_like(here)


def _absolute(module: nn.Module) -> nn.Module:
    twin = copy.deepcopy(module)
    for parameter in twin.parameters():
        parameter.abs_()
    return twin


def _normalising(step: Step, size: Tensor) -> Tensor:
    module, slope = step.module, normalising(step, size.ndim)
    assert isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    assert module.running_mean is not None
    bias = torch.zeros_like(module.running_mean) if module.bias is None else module.bias
    shift = bias.abs() + (module.running_mean * slope.flatten()).abs()
    return size * slope.abs() + shift.view(slope.shape)
