"""What a perturbation does to images and to the answers on them."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelproof.corruptions.corruption import Corruption
from pixelproof.models.query import Scorer, classes
from pixelproof.results.perturbations import PerturbationRecord, ladder
from pixelproof.units import grey_levels, to_levels

_SIZE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # of images in [0, 1]


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """N numbers, 1 for equal images: the mean over windows that lie within the image and over channels.

    Both are float32 N×C×H×W in [0, 1], at least 11×11. Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment:
    From Error Visibility to Structural Similarity", IEEE Transactions on Image Processing, 2004, eq. (13): Gaussian
    windows of 11×11 with σ = 1.5, K₁ = 0.01, K₂ = 0.03.
    """
    both = torch.stack([images, others]).double()  # small differences of large numbers follow
    means = _windowed(both)
    spreads = _windowed(both * both) - means * means
    common = _windowed(both[0] * both[1]) - means[0] * means[1]
    light = (2 * means[0] * means[1] + _C1) / (means[0] ** 2 + means[1] ** 2 + _C1)
    structure = (2 * common + _C2) / (spreads[0] + spreads[1] + _C2)
    return (light * structure).flatten(1).mean(1)


def _windowed(images: Tensor) -> Tensor:
    """Means of ``images`` …×H×W under the window, at each of its places inside: rows, then columns, as products."""
    height, width = images.shape[-2:]
    return _places(height, images).T @ images @ _places(width, images)


def _places(length: int, like: Tensor) -> Tensor:
    """The window at every place along ``length`` pixels, a column each: ``length``×(``length`` − 10)."""
    count = length - _SIZE + 1
    distance = torch.arange(length, dtype=torch.float64)[:, None] - torch.arange(count) - _SIZE // 2
    weights = torch.exp(-(distance**2) / (2 * _SIGMA**2)) * (distance.abs() <= _SIZE // 2)
    return (weights / weights[:, :1].sum()).to(like)


#: Float32 values (32 MiB) that images and each of their copies may fill at once.
_VALUES = 1 << 23


@dataclass(frozen=True, eq=False)
class AskedImages:
    """Who is asked about what: ``images`` float32 N×C×H×W in [0, 1] with ``labels`` N, all on one device."""

    scorer: Scorer
    images: Tensor
    labels: Tensor

    def scores(self, images: Tensor) -> Tensor:
        """Log-scores N×K of ``images`` N×C×H×W in [0, 1] of whole grey levels."""
        return self.scorer(to_levels(images))

    def answers(self, images: Tensor) -> Tensor:
        """Their classes N; −1 where the scores are no numbers."""
        return classes(self.scores(images))

    @property
    def rows(self) -> Tensor:
        """The numbers of the images."""
        return torch.arange(len(self.images), device=self.images.device)

    def parts(self, rows: Tensor) -> list[Tensor]:
        """``rows`` in parts whose images fit the memory."""
        return list(torch.split(rows, max(1, _VALUES // self.images[0].numel())))


def cell(
    subject: AskedImages, corruption: Corruption, strength: float, seed: int, sample: int | None = None
) -> PerturbationRecord:
    """All samples at one strength; ``sample`` is the one whose image is kept, if any is."""
    answers, columns, seconds = [], [], 0.0
    for rows in subject.parts(subject.rows):
        clean = subject.images[rows]
        begun = _now(clean.device)
        changed = corruption(clean, strength, seed)
        seconds += _now(clean.device) - begun
        answers.append(subject.answers(changed))
        columns.append(_distances(changed, clean))
    l1, l2, linf, alike = (tuple(column) for column in torch.cat(columns, 1).cpu().numpy().round(6).tolist())
    return PerturbationRecord(
        perturbation=corruption.name,
        strength=strength,
        unit=corruption.unit,
        none=corruption.none,
        answers=tuple(torch.cat(answers).tolist()),
        l1=l1,
        l2=l2,
        linf=linf,
        ssim=alike,
        seconds=seconds / len(subject.images),
        sample=sample,
    )


def least_strengths(
    subject: AskedImages, corruption: Corruption, towards: float, steps: int, seed: int
) -> list[float | None]:
    """Of each sample the first of ``steps`` even steps from none ``towards`` an end at which the answer is wrong.

    Every step is asked, as accuracy need not fall steadily; samples that are wrong ask no further.
    """
    found: list[float | None] = [None] * len(subject.images)
    left = subject.rows
    for strength in ladder(corruption.none, towards, steps)[1:]:
        if not len(left):
            break
        still = []
        for rows in subject.parts(left):
            wrong = subject.answers(corruption(subject.images[rows], strength, seed)) != subject.labels[rows]
            for row in rows[wrong].tolist():
                found[row] = strength
            still.append(rows[~wrong])
        left = torch.cat(still) if still else left
    return found


def _distances(changed: Tensor, clean: Tensor) -> Tensor:
    """L1, L2, L∞ in grey levels and SSIM: 4×N."""
    change = grey_levels(changed - clean).flatten(1).double()
    norms = [torch.linalg.vector_norm(change, order, dim=1) for order in (1, 2, torch.inf)]
    return torch.stack([*norms, ssim(changed, clean)])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
