"""Feature squeezing as a detector: who answers otherwise to the squeezed image is being fooled."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from pixelproof.defences.feature_squeezing import BitDepth, MedianFilter
from pixelproof.defences.preprocessor import Preprocessor
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier
from pixelproof.models.scores import probabilities

_ROWS = 64  # of every call, since the last bits of a score depend on the size of the batch


@dataclass
class SqueezingDetector:
    """Flags images whose probabilities change much under any of ``squeezers``, for they have no effect on clean ones.

    Xu, Evans & Qi, "Feature Squeezing", NDSS 2018, section V: the L1 distance between the probabilities of the image
    and of its squeezed self, the largest over the squeezers, against a threshold that a share
    ``false_positive_rate`` of clean images exceeds. Of the three squeezers that they join for CIFAR-10, the non-local
    means are left out by default. ``threshold`` is None until ``fit``.
    """

    squeezers: tuple[Preprocessor, ...] = (BitDepth(5), MedianFilter(2))
    false_positive_rate: float = 0.05
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not self.squeezers:
            raise InputError("A detector without squeezers compares nothing; give at least one, as BitDepth(5).")
        if not 0 <= self.false_positive_rate < 1:
            raise InputError(
                f"A false positive rate from 0 to below 1 was expected, not {self.false_positive_rate}; 0.05 is usual."
            )

    def fit(self, classifier: Classifier, images: Tensor) -> None:
        """Set the threshold on clean ``images``, float32 N×C×H×W in [0, 1]: at most the allowed share exceeds it."""
        if not len(images):
            raise InputError("There are no images to set the threshold on; give some clean ones.")
        distances = self.distances(classifier, images).sort().values
        self.threshold = float(distances[ceil(len(images) * (1 - self.false_positive_rate)) - 1])

    def flags(self, classifier: Classifier, images: Tensor) -> Tensor:
        """Whether each of ``images``, float32 N×C×H×W in [0, 1], is taken for adversarial, N bools.

        Raises ``InputError`` before ``fit``.
        """
        if self.threshold is None:
            raise InputError("The detector has no threshold yet; fit it on clean images, or give it one.")
        return self.distances(classifier, images) > self.threshold

    def distances(self, classifier: Classifier, images: Tensor) -> Tensor:
        """What is compared to the threshold: N float64 values from 0 to 2."""
        clean = _probabilities(classifier, images)
        each = [(clean - _probabilities(classifier, squeeze(images))).abs().sum(1) for squeeze in self.squeezers]
        return torch.stack(each).amax(0)


def _probabilities(classifier: Classifier, images: Tensor) -> Tensor:
    """Float64 N×K; every call has the same number of rows, the last ones repeated where there are too few."""
    answers = []
    with torch.no_grad():
        for chunk in torch.split(images, _ROWS):
            missing = _ROWS - len(chunk)
            whole = torch.cat([chunk, chunk[-1:].expand(missing, *chunk.shape[1:])])
            answers.append(probabilities(classifier.scores(whole)[: len(chunk)], classifier.kind))
    return torch.cat(answers)
