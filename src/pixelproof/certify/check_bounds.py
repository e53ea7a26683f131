"""The checker's own bounds: plain zonotopes in float64, one symbol for every unstable ReLU, nothing ever merged.

Singh, Gehr, Mirman, Püschel & Vechev (2018), "Fast and effective robustness certification", section 4. Everything is a
difference to the clean image's values, so only the values that a changed pixel reaches are carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from pixelproof.certify.check_network import Network, Step

#: Values that the boxes bounded at once may have in the widest layer.
AT_ONCE = 1 << 18
#: What a maximum finds outside of a picture.
OUTSIDE = -1e30


@dataclass(frozen=True, eq=False)
class Zonotope:
    """Differences of B boxes to clean values: centre + Σ_s symbols_s ε_s, ε in [−1, 1], at ``reach``; elsewhere 0."""

    reach: Tensor  # r flat indices, ascending
    centre: Tensor  # B×r
    symbols: Tensor  # B×S×r

    def at(self, reach: Tensor, values: Tensor) -> Zonotope:
        """The same differences of the flat indices ``values``, said of the indices ``reach``, as many."""
        place = torch.searchsorted(self.reach, values).clamp(max=len(self.reach) - 1)
        known = self.reach[place] == values
        return Zonotope(reach, self.centre[:, place] * known, self.symbols[..., place].mul_(known))

    def living(self) -> Zonotope:
        """Without the columns that are 0 in every box."""
        alive = _where(self.centre.ne(0).any(0) | self.symbols.ne(0).flatten(0, 1).any(0))
        return Zonotope(self.reach[alive], self.centre[:, alive], self.symbols[..., alive])


def lowest_margins(network: Network, label: int, low: Tensor, high: Tensor) -> Tensor:
    """A lower bound of min over j ≠ ``label`` of the score of ``label`` less that of j, of each of N boxes of images.

    ``low`` and ``high``: N×C×H×W whole numbers 0–255. Boxes bounded together should differ from the clean image at the
    same pixels.
    """
    count = max(1, AT_ONCE // max(value.numel() for value in network.clean.values()))
    parts = zip(torch.split(low, count), torch.split(high, count), strict=True)
    with torch.no_grad():
        return torch.cat([_margins(network, label, *part) for part in parts])


def _margins(network: Network, label: int, low: Tensor, high: Tensor) -> Tensor:
    scores = _propagate(network, low, high)
    classes = torch.arange(len(network.scores))
    full = scores.at(classes, classes)
    value = network.scores + full.centre
    centre = value[:, label, None] - value
    radius = (full.symbols[..., label, None] - full.symbols).abs().sum(1)
    return (centre - radius)[:, classes != label].amin(1)


def _propagate(network: Network, low: Tensor, high: Tensor) -> Zonotope:
    """The scores of the boxes."""
    found: dict[fx.Node, Zonotope] = {}
    behind: dict[fx.Node, fx.Node] = {}  # ReLUs that come after the maximum over them: relu(max x) = max relu(x)
    for step in network.steps:
        if step.layer == "image":
            found[step.node] = _box(network.clean[step.node], low, high)
        elif step.layer == "relu" and _only_read_by_maximum(step, network):
            behind[step.node] = step.inputs[0]
        elif step.layer == "relu":
            clean = network.clean[step.inputs[0]].flatten()
            found[step.node] = _rectified(clean[found[step.inputs[0]].reach], found[step.inputs[0]]).living()
        elif step.layer == "max":
            source = behind.get(step.inputs[0], step.inputs[0])
            found[step.node] = _maximum(step, network.clean[source].flatten(), found[source])
            if source is not step.inputs[0]:
                largest = step.run(network.clean[source]).flatten()
                found[step.node] = _rectified(largest[found[step.node].reach], found[step.node])
            found[step.node] = found[step.node].living()
        else:
            parts = [_through(network, step, k, found[node]) for k, node in enumerate(step.inputs)]
            found[step.node] = reduce(_added, parts)
    return found[network.output]


def _only_read_by_maximum(step: Step, network: Network) -> bool:
    readers = list(step.node.users)
    return len(readers) == 1 and any(each.node is readers[0] and each.layer == "max" for each in network.steps)


def _box(clean: Tensor, low: Tensor, high: Tensor) -> Zonotope:
    """The boxes of images, one symbol for every value that may change."""
    low, high = low.double().flatten(1) / 255, high.double().flatten(1) / 255
    middle, half = (low + high) / 2 - clean.flatten(), (high - low) / 2
    reach = _where((middle.ne(0) | half.ne(0)).any(0))
    return Zonotope(reach, middle[:, reach], torch.diag_embed(half[:, reach]))


def _through(network: Network, step: Step, which: int, before: Zonotope) -> Zonotope:
    """What the input ``which`` of an affine ``step`` brings; by the matrix of the reached values, if that is less."""
    boxes, symbols, reached = before.symbols.shape
    shape = network.clean[step.inputs[which]].shape[1:]
    rows = torch.cat([before.centre[:, None], before.symbols], 1).view(-1, reached)
    fewer = reached < len(rows)
    inputs = torch.eye(reached, dtype=rows.dtype) if fewer else rows
    spread = inputs.new_zeros(len(inputs), shape.numel())
    spread[:, before.reach] = inputs
    outputs = network.linear(step, which, spread.view(-1, *shape)).flatten(1)
    reach = _where(outputs.ne(0).any(0))
    outputs = rows @ outputs[:, reach] if fewer else outputs[:, reach]
    parts = outputs.view(boxes, symbols + 1, len(reach))
    return Zonotope(reach, parts[:, 0], parts[:, 1:])


def _where(reached: Tensor) -> Tensor:
    """The indices of what is ``reached``; the first where nothing is, so that there is always one."""
    return reached.nonzero().squeeze(1) if bool(reached.any()) else torch.zeros(1, dtype=torch.int64)


def _added(one: Zonotope, other: Zonotope) -> Zonotope:
    reach = torch.unique(torch.cat([one.reach, other.reach]))
    return _plus(one.at(reach, reach), other.at(reach, reach))


def _plus(one: Zonotope, other: Zonotope, sign: int = 1) -> Zonotope:
    """The sum of two on one reach; symbols are only ever appended, so the first ones are the same in both."""
    ours, theirs = one.symbols.shape[1], other.symbols.shape[1]
    symbols = F.pad(one.symbols, (0, 0, 0, max(0, theirs - ours)))
    symbols[:, :theirs].add_(other.symbols, alpha=sign)
    return Zonotope(one.reach, one.centre + sign * other.centre, symbols)


def _rectified(clean: Tensor, before: Zonotope) -> Zonotope:
    """relu(clean + …) less relu(clean): slope u/(u − l) where l < 0 < u, and a new symbol for what is then unknown."""
    value, radius = clean + before.centre, before.symbols.abs().sum(1)
    low, high = value - radius, value + radius
    unstable = (low < 0) & (high > 0)
    slope = torch.where(unstable, high / (high - low), (low >= 0).double())
    offset = torch.where(unstable, -slope * low / 2, 0.0)
    symbols = torch.cat([before.symbols * slope[:, None], _fresh(unstable, offset)], 1)
    return Zonotope(before.reach, slope * value + offset - clean.relu(), symbols)


def _fresh(unstable: Tensor, size: Tensor) -> Tensor:
    """One new symbol for every unstable value of a box, B×S×r, S being the most that one box needs."""
    symbols = size.new_zeros(len(size), int(unstable.sum(1).amax()), size.shape[1])
    box, column = unstable.nonzero(as_tuple=True)
    symbols[box, (unstable.cumsum(1) - 1)[box, column], column] = size[box, column]
    return symbols


def _maximum(step: Step, clean: Tensor, before: Zonotope) -> Zonotope:
    """The maximum over the cells of windows: along their rows first, then over the rows."""
    assert step.cells is not None  # as it is a maximum
    reach = _where(torch.isin(step.cells, before.reach).flatten(1).any(1))
    padded = F.pad(clean, (0, 1), value=OUTSIDE)  # cell −1
    rows = step.cells[reach].permute(1, 2, 0).contiguous()
    parts = [reduce(_larger, [(padded[cell], before.at(reach, cell)) for cell in row]) for row in rows]
    return reduce(_larger, parts)[1]


def _larger(one: tuple[Tensor, Zonotope], other: tuple[Tensor, Zonotope]) -> tuple[Tensor, Zonotope]:
    """max(x₀, x₁) = x₀ + relu(x₁ − x₀), of clean values and differences."""
    above = _rectified(other[0] - one[0], _plus(other[1], one[1], -1))
    return torch.maximum(one[0], other[0]), _plus(above, one[1])
