"""Lower bounds of the margins m_y − m_j over sets of images, from zonotopes."""

from collections.abc import Callable

import torch
from torch import Tensor

from pixelproof.proofs.backward import Backward
from pixelproof.proofs.graph import Graph
from pixelproof.proofs.propagation import Matrices, Propagation
from pixelproof.proofs.zonotope import Zonotope


class Margins:
    """Bounds for one image and its label on one network.

    graph: simplified, in float64. image: C×H×W in [0, 1], float64. ``clean`` are the K − 1 margins of the image itself,
    the label's score less that of each other class. ``watch`` is called before every layer, and may raise.
    """

    def __init__(self, graph: Graph, image: Tensor, label: int, watch: Callable[[], None] = lambda: None) -> None:
        self.graph, self.image, self.watch = graph, image, watch
        self.values = graph.values(image[None])
        scores = self.values[-1][0]
        others = [k for k in range(len(scores)) if k != label]
        self.clean = scores[label] - scores[others]
        with torch.enable_grad():
            at_cut = self.values[graph.cut].clone().requires_grad_()
            affine = graph.tail(at_cut)[0]
            rows = [
                torch.autograd.grad(each, at_cut, retain_graph=True)[0].flatten()
                for each in affine[label] - affine[others]
            ]
        self.differences = torch.stack(rows)  # (K−1)×N, from the value at the cut to the margins
        self.numbers = 1  # that a set of the last batch had at the largest layer, at most
        self._matrices: Matrices = {}
        self._phase: tuple[tuple[int, int] | None, Propagation] | None = None

    def lowest(self, start: Zonotope, places: Tensor, phase: tuple[int, int] | None) -> Tensor:
        """B×(K−1) lower bounds for images that differ from the clean one by ``start``; see ``Propagation``."""
        if self._phase is None or self._phase[0] != phase:
            self._phase = (phase, Propagation(self.graph, self.values, phase, self.watch, self._matrices))
        last = self._phase[1](start, places)
        self.numbers = last.symbols.shape[1] * self._phase[1].largest
        return self._of(last)

    def in_box(self, start: Zonotope) -> tuple[Tensor, list[int]]:
        """K−1 lower bounds for the images ``start``, a symbol a channel value, and the ReLUs bounded closer for them.

        The ReLUs count from 0; see ``Backward``.
        """
        if not Backward.serves(self.graph):
            return self.lowest(start, torch.zeros(1, dtype=torch.long), None)[0], []
        backward = Backward(self.graph, self.values, start, self.watch)
        forward = Propagation(self.graph, self.values, None, self.watch, self._matrices, backward.interval)
        bounds = self._of(forward(start, torch.zeros(1, dtype=torch.long)))[0]
        rows = self.differences.view(-1, *self.values[self.graph.cut].shape[1:])
        clean = (rows * self.values[self.graph.cut]).flatten(1).sum(1)
        return torch.maximum(bounds, self.clean + backward.lowest(self.graph.cut, rows) - clean), backward.closer

    def _of(self, last: Zonotope) -> Tensor:
        """B×(K−1) lower bounds from differences at the cut."""
        weights = self.differences.T
        bound = self.clean + last.centre.flatten(1) @ weights - (last.symbols.flatten(2) @ weights).abs().sum(1)
        return bound if last.fresh is None else bound - last.fresh.flatten(1) @ weights.abs()

    def one_pixel(self, places: Tensor, phase: tuple[int, int], positions: Tensor, boxes: Tensor) -> Tensor:
        """B×(K−1) lower bounds for one pixel whose colour is in a box.

        places: B, the pixels by number in the phase; positions: B×2, the same by row and column. boxes: B×2×C, the
        lowest and the highest colours, 0–255.
        """
        corners = boxes.to(self.image.dtype) / 255
        centre = corners.mean(1) - self.image[:, positions[:, 0], positions[:, 1]].T
        half = torch.diag_embed((corners[:, 1] - corners[:, 0]) / 2)
        return self.lowest(Zonotope(centre[:, :, None, None], half[..., None, None]), places, phase)
