"""How far the deployed network's float32 margins may be from exact arithmetic: the allowance τ."""

import torch
from torch import Tensor

from pixelproof.proofs.graph import Graph
from pixelproof.proofs.layers import Add, Convolution, Linear

#: Half the distance from 1 to the next float32.
UNIT = 2.0**-24


def gamma(terms: int) -> float:
    """γ_n = n u / (1 − n u), within which n roundings stay (Higham, "Accuracy and stability …", 2002, lemma 3.1)."""
    return terms * UNIT / (1 - terms * UNIT)


def allowance(graph: Graph, image: Tensor, label: int) -> float:
    """max_j Σ_i |∂(m_y − m_j)/∂v_i| γ_n (|W||x| + |b|)_i over all values v_i that are computed.

    That is the worst case to first order, at the clean image, whatever the order of a sum's terms. graph: as it is
    deployed, nothing folded, in float64. image: C×H×W in [0, 1]; its division by 255 counts too.
    """
    with torch.enable_grad():
        values = graph.values(image[None].clone().requires_grad_())
        margins = values[-1][0, label] - values[-1][0]
        errors = [gamma(1) * image[None]]
        for node, value in zip(graph.nodes, values[1:], strict=True):
            error = torch.zeros_like(value)
            if isinstance(node.layer, Convolution | Linear | Add) and node.layer.terms:
                error = gamma(node.layer.terms) * node.layer.magnitude(*(values[i].detach() for i in node.inputs))
            errors.append(error)
        worst = 0.0
        for margin in margins:
            slopes = torch.autograd.grad(margin, values, retain_graph=True, materialize_grads=True)
            total = sum(
                float((slope.abs() * error.detach()).sum()) for slope, error in zip(slopes, errors, strict=True)
            )
            worst = max(worst, total)
    return worst
