"""The checker's closer bounds: sums of one layer's values carried back to the image, all in float64.

Zhang, Weng, Chen, Hsieh & Daniel (2018), "Efficient neural network robustness certification with general activation
functions", section 3: where a sum counts a ReLU positively, a line below it stands for the ReLU, else a line above.
"""

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from pixelproof.proofs.check_network import Network

#: Values whose lowest and highest are computed at once.
AT_ONCE = 64


class Backward:
    """Bounds over the one box of images from ``low`` to ``high``, 1×C×H×W whole numbers, for steps without maxima."""

    def __init__(self, network: Network, low: Tensor, high: Tensor) -> None:
        self._network = network
        self._low, self._high = low.double() / 255, high.double() / 255
        self._ranges: dict[fx.Node, tuple[Tensor, Tensor]] = {}  # 1×… before each ReLU, lowest and highest

    def knows(self, relu: fx.Node, low: Tensor, high: Tensor) -> None:
        """What the ReLU reads is between ``low`` and ``high``, 1×…, all over the box."""
        self._ranges[relu] = (low, high)

    def closer(self, value: fx.Node, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Bounds at least as close as ``low`` and ``high`` of ``value``, which differ where these have both signs."""
        low, high = low.flatten().clone(), high.flatten().clone()
        both = ((low < 0) & (high > 0)).nonzero().squeeze(1)
        for part in torch.split(both, AT_ONCE):
            rows = F.one_hot(part, len(low)).double().view(-1, *self._network.clean[value].shape[1:])
            low[part] = torch.maximum(low[part], self.lowest(value, rows))
            high[part] = torch.minimum(high[part], -self.lowest(value, -rows))
        shape = self._network.clean[value].shape
        return low.view(shape), high.view(shape)

    def lowest(self, value: fx.Node, rows: Tensor) -> Tensor:
        """R lower bounds of Σ ``rows`` · ``value``, rows R×…, over the box."""
        clean = self._network.clean
        bound = (rows * clean[value]).flatten(1).sum(1)
        weights = {value: rows}
        for step in reversed(self._network.steps):
            row = weights.pop(step.node, None)
            if row is None:
                continue
            if step.layer == "image":
                lowest, highest = (end - clean[step.node] for end in (self._low, self._high))
                return bound + (row.clamp(min=0) * lowest + row.clamp(max=0) * highest).flatten(1).sum(1)
            if step.layer == "relu":
                row, constant = _through_relu(row, clean[step.inputs[0]], *self._ranges[step.node])
                bound = bound + constant
                parts = [row]
            else:
                parts = [self._network.transposed(step, k, row) for k in range(len(step.inputs))]
            for node, part in zip(step.inputs, parts, strict=True):
                weights[node] = weights[node] + part if node in weights else part
        return bound


def _through_relu(row: Tensor, clean: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of what a ReLU reads, and a constant, such that row · relu(v) is not below, both against ``clean``.

    relu(v) ≥ λ v for each λ in [0, 1], and relu(v) ≤ high (v − low)/(high − low) where low < 0 < high.
    """
    both, dead = (low < 0) & (high > 0), high <= 0
    ones = torch.ones_like(low)
    above = torch.where(both, high / torch.where(both, high - low, ones), torch.where(dead, 0.0, ones))
    below = torch.where(both, (high > -low).double(), above)
    at_clean = torch.where(both, above * (clean - low), above * clean) - clean.relu()
    plus, minus = row.clamp(min=0), row.clamp(max=0)
    constant = plus * (below * clean - clean.relu()) + minus * at_clean
    return plus * below + minus * above, constant.flatten(1).sum(1)
