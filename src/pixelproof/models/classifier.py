"""What pixelproof asks of a model: scores for a batch of images, and an honest description of them."""

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

ScoreKind = Literal["logits", "probabilities", "labels"]


@runtime_checkable
class Classifier(Protocol):
    """Anything that scores images.

    ``name`` is what people call it; ``kind`` says what the scores are (``labels``: one-hot rows);
    ``differentiable`` whether gradients flow from scores to images; ``fingerprint`` is a hash of what decides
    its answers (weights and architecture), or of its best stand-in where these cannot be seen.
    """

    name: str
    kind: ScoreKind
    differentiable: bool
    fingerprint: str

    def scores(self, images: Tensor) -> Tensor:
        """Scores N×K (float32, on the device of ``images``) of ``images``, float32 N×C×H×W in [0, 1]."""
        ...
