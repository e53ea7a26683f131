"""The checker's own bounds: plain zonotopes in float64, one symbol for every unstable ReLU, nothing ever merged.

Singh, Gehr, Mirman, Püschel & Vechev (2018), "Fast and effective robustness certification", section 4. Everything is a
difference to the clean image's values, so only the values that a changed pixel reaches are carried.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from pixelproof.proofs.check_backward import Backward
from pixelproof.proofs.check_network import Network, Step, UncheckableError

#: Values that the boxes bounded at once may have in the widest layer.
AT_ONCE = 300 << 10
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


def lowest_margins(network: Network, label: int, low: Tensor, high: Tensor, closer: Collection[int] = ()) -> Tensor:
    """A lower bound of min over j ≠ ``label`` of the score of ``label`` less that of j, of each of N boxes of images.

    ``low`` and ``high``: N×C×H×W whole numbers 0–255. Boxes bounded together should differ from the clean image at the
    same pixels. ``closer``: the ReLUs, counted from 0, that are bounded backwards too; then there is one box, and no
    maximum.
    """
    if closer:
        with torch.no_grad():
            return _closer_margin(network, label, low, high, closer)
    count = max(1, AT_ONCE // max(value.numel() for value in network.clean.values()))
    parts = zip(torch.split(low, count), torch.split(high, count), strict=True)
    with torch.no_grad():
        return torch.cat([_margins(network, label, *part) for part in parts])


def _margins(network: Network, label: int, low: Tensor, high: Tensor) -> Tensor:
    return _of_scores(network, label, _Propagation(network).of_boxes(low, high))


def _closer_margin(network: Network, label: int, low: Tensor, high: Tensor, closer: Collection[int]) -> Tensor:
    if any(step.layer == "max" for step in network.steps):
        raise UncheckableError("its ReLUs are to be bounded backwards, which maxima do not let through")
    backward = Backward(network, low, high)
    bound = _of_scores(network, label, _Propagation(network, backward, closer).of_boxes(low, high))
    rows = -torch.eye(len(network.scores), dtype=torch.float64)
    rows[:, label] += 1
    others = torch.arange(len(rows)) != label
    return torch.maximum(bound, backward.lowest(network.output, rows[others]).amin()[None])


def _of_scores(network: Network, label: int, scores: Zonotope) -> Tensor:
    classes = torch.arange(len(network.scores))
    full = scores.at(classes, classes)
    value = network.scores + full.centre
    centre = value[:, label, None] - value
    radius = (full.symbols[..., label, None] - full.symbols).abs().sum(1)
    return (centre - radius)[:, classes != label].amin(1)


class _Propagation:
    """Boxes on their way through ``network``. Symbols are numbered once for all branches, so none means two things.

    ``backward`` learns between what each ReLU's inputs lie, and bounds them again where the ReLU is one of ``closer``.
    """

    def __init__(self, network: Network, backward: Backward | None = None, closer: Collection[int] = ()) -> None:
        self._network, self._backward, self._closer = network, backward, closer
        self._relus = 0  # so far
        self._symbols = 0  # so far
        self._found: dict[fx.Node, Zonotope] = {}
        self._waiting = {step.node for step in network.steps}  # those that may read what was found

    def of_boxes(self, low: Tensor, high: Tensor) -> Zonotope:
        """The scores of the boxes from ``low`` to ``high``, B×C×H×W."""
        for step in self._network.steps:
            if step.layer == "relu" and self._comes_after_maximum(step):
                continue
            if step.layer == "image":
                self._found[step.node] = self._box(step, low, high)
            elif step.layer == "relu":
                self._found[step.node] = self._relu(step)
            elif step.layer == "max":
                self._found[step.node] = self._maximum(step)
            else:
                parts = [_through(self._network, step, k, self._found[node]) for k, node in enumerate(step.inputs)]
                self._found[step.node] = reduce(_added, parts)
            self._release(step)
        return self._found[self._network.output]

    def _release(self, step: Step) -> None:
        """Let go of what nobody reads any more: in deep networks all of it is more than a machine has."""
        read = {step.node, *(node for node in step.inputs if node not in self._found)}  # and a ReLU before its maximum
        self._waiting -= read
        for node in {source for each in read for source in each.all_input_nodes}:
            if self._waiting.isdisjoint(node.users):
                self._found.pop(node, None)

    def _box(self, step: Step, low: Tensor, high: Tensor) -> Zonotope:
        """One symbol for every value that may change."""
        low, high = low.double().flatten(1) / 255, high.double().flatten(1) / 255
        middle, half = (low + high) / 2 - self._network.clean[step.node].flatten(), (high - low) / 2
        reach = _where((middle.ne(0) | half.ne(0)).any(0))
        self._symbols = len(reach)
        return Zonotope(reach, middle[:, reach], torch.diag_embed(half[:, reach]))

    def _comes_after_maximum(self, step: Step) -> bool:
        """Whether only a maximum reads the ReLU ``step``: max relu(x) = relu(max x), which is bounded closer."""
        readers = list(step.node.users)
        return len(readers) == 1 and any(
            each.node is readers[0] and each.layer == "max" for each in self._network.steps
        )

    def _relu(self, step: Step) -> Zonotope:
        before, clean = self._found[step.inputs[0]], self._network.clean[step.inputs[0]]
        low, high = _ends(clean.flatten()[before.reach], before)
        if self._backward is not None:
            low, high = self._bounded_again(self._backward, step, before.reach, low, high)
        return self._rectified(clean.flatten()[before.reach], before, low, high).living()

    def _bounded_again(
        self, backward: Backward, step: Step, reach: Tensor, low: Tensor, high: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The bounds 1×r of what the ReLU reads, closer where it is one of those."""
        clean = self._network.clean[step.inputs[0]]
        lowest, highest = (clean.flatten().index_put((reach,), end[0]).view(clean.shape) for end in (low, high))
        if self._relus in self._closer:
            lowest, highest = backward.closer(step.inputs[0], lowest, highest)
        backward.knows(step.node, lowest, highest)
        self._relus += 1
        return lowest.view(1, -1)[:, reach], highest.view(1, -1)[:, reach]

    def _rectified(self, clean: Tensor, before: Zonotope, low: Tensor, high: Tensor) -> Zonotope:
        """relu(clean + …) less relu(clean), between ``low`` and ``high``: slope u/(u − l) where l < 0 < u, and a new
        symbol for what is unknown."""
        value = clean + before.centre
        unstable = (low < 0) & (high > 0)
        slope = torch.where(unstable, high / (high - low), (low >= 0).double())
        offset = torch.where(unstable, -slope * low / 2, 0.0)
        fresh = _one_each(unstable, offset)
        others = self._symbols - before.symbols.shape[1]  # of other branches, which this one does not depend on
        self._symbols += fresh.shape[1]
        symbols = torch.cat([before.symbols * slope[:, None], F.pad(fresh, (0, 0, others, 0))], 1)
        return Zonotope(before.reach, slope * value + offset - clean.relu(), symbols)

    def _maximum(self, step: Step) -> Zonotope:
        """The maximum over the cells of windows: along their rows first, then over the rows."""
        assert step.cells is not None  # as it is a maximum
        (source,) = step.inputs
        late = source not in self._found
        source = source.all_input_nodes[0] if late else source
        clean, before = self._network.clean[source], self._found[source]
        reach = _where(torch.isin(step.cells, before.reach).flatten(1).any(1))
        padded = F.pad(clean.flatten(), (0, 1), value=OUTSIDE)  # cell −1
        cells = step.cells[reach].permute(1, 2, 0).contiguous()
        rows = [reduce(self._larger, [(padded[cell], before.at(reach, cell)) for cell in row]) for row in cells]
        best, largest = reduce(self._larger, rows)
        return (self._rectified(best, largest, *_ends(best, largest)) if late else largest).living()

    def _larger(self, one: tuple[Tensor, Zonotope], other: tuple[Tensor, Zonotope]) -> tuple[Tensor, Zonotope]:
        """max(x₀, x₁) = x₀ + relu(x₁ − x₀), of clean values and differences."""
        clean, difference = other[0] - one[0], _plus(other[1], one[1], -1)
        above = self._rectified(clean, difference, *_ends(clean, difference))
        return torch.maximum(one[0], other[0]), _plus(above, one[1])


def _ends(clean: Tensor, values: Zonotope) -> tuple[Tensor, Tensor]:
    """The lowest and the highest of clean + …: B×r each."""
    value, radius = clean + values.centre, values.symbols.abs().sum(1)
    return value - radius, value + radius


def _through(network: Network, step: Step, which: int, before: Zonotope) -> Zonotope:
    """What the input ``which`` of an affine ``step`` brings; by the matrix of the reached values, if that is less."""
    boxes, symbols, reached = before.symbols.shape
    shape = network.clean[step.inputs[which]].shape[1:]
    rows = torch.cat([before.centre[:, None], before.symbols], 1).view(-1, reached)
    fewer = reached < min(len(rows), shape.numel() / 2)  # over most of a picture the step itself is quicker
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
    """The sum of two on one reach; the one with fewer symbols has none of the last ones."""
    ours, theirs = one.symbols.shape[1], other.symbols.shape[1]
    symbols = F.pad(one.symbols, (0, 0, 0, max(0, theirs - ours)))
    symbols[:, :theirs].add_(other.symbols, alpha=sign)
    return Zonotope(one.reach, one.centre + sign * other.centre, symbols)


def _one_each(unstable: Tensor, size: Tensor) -> Tensor:
    """A symbol for every unstable value of a box, B×S×r, S being the most that one box needs."""
    symbols = size.new_zeros(len(size), int(unstable.sum(1).amax()), size.shape[1])
    box, column = unstable.nonzero(as_tuple=True)
    symbols[box, (unstable.cumsum(1) - 1)[box, column], column] = size[box, column]
    return symbols
