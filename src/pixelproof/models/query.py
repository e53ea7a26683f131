"""The one place where images meet the model, and where it is counted what goes through it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.models.classifier import Classifier
from pixelproof.models.outputs import ask as call_model
from pixelproof.models.outputs import check_scores
from pixelproof.models.scores import log_scores
from pixelproof.units import to_unit

#: Rows of a verifying call. On a CPU few, since claims come one by one and every row costs (a CIFAR ResNet-20 takes
#: 15 ms for 16, 5 ms for 4), but more than one, since a batch of one is computed by other kernels. Elsewhere a call
#: costs more than its rows do.
VERIFY_ROWS = {"cpu": 4}
VERIFY_ROWS_ELSEWHERE = 64


#: Probabilities N×K, float64, of N uint8 images H×W×C.
Predict = Callable[[Sequence[npt.NDArray[np.uint8]]], npt.NDArray[np.float64]]


#: Images through a model by purpose: ``queries`` of attacks, and what else there was: ``preflight``, ``selection``,
#: ``padding`` of batches.
Asked = Counter[str]


def ask(classifier: Classifier, images: Tensor, asked: Asked | None = None, purpose: str = "queries") -> Tensor:
    """The scores N×K that ``classifier`` gives to ``images``, float32 N×C×H×W in [0, 1], counted in ``asked``.

    Raises ``ModelError`` when it fails, or does not answer one row of scores an image, of as many classes as ever.
    """
    with _exact(images.device):
        scores = check_scores(call_model(classifier.scores, images, classifier.name), len(images), classifier.name)
    _check_classes(classifier, scores.shape[1])
    if asked is not None:
        asked[purpose] += len(images)
    return scores


def _check_classes(classifier: Classifier, classes: int) -> None:
    """Raise ``ModelError`` where ``classifier`` answered with another number of classes before, to anybody."""
    before = getattr(classifier, "answered_classes", classes)
    if before != classes:
        raise ModelError(
            f"The model {classifier.name} answered with {classes} classes, and before with {before}; expected the same "
            "number always, so check what it depends on."
        )
    classifier.answered_classes = classes  # type: ignore[attr-defined]


def ask_whole(
    classifier: Classifier, images: Tensor, rows: int, asked: Asked | None = None, purpose: str = "queries"
) -> Tensor:
    """``ask`` about at most ``rows`` images as a call of exactly so many, the last repeated, counted as ``padding``.

    A classifier with a ``fixed_batch`` computes just so many at once whatever it is given, so it is given whole ones of
    these and no more: with a batch of 1 there is no padding.
    """
    fixed = getattr(classifier, "fixed_batch", None)
    missing = -len(images) % fixed if fixed else rows - len(images)
    whole = torch.cat([images, images[-1:].expand(missing, *images.shape[1:])]) if missing else images
    scores = ask(classifier, whole)[: len(images)]
    if asked is not None:
        asked[purpose] += len(images)
        asked["padding"] += missing
    return scores


#: What stands for the class where the scores are no numbers.
NO_CLASS = -1


class Scorer:
    """Calls a classifier with one constant batch shape.

    On a CPU the last bits of a score depend on the size of the batch, but not on an image's place in it nor
    on its neighbours; so every call has ``batch_size`` rows, the last ones repeated where there is too little
    to ask (``ask_whole``). What goes through is counted in ``asked`` under ``purpose``, beside what others count there.
    """

    def __init__(
        self,
        classifier: Classifier,
        batch_size: int,
        device: torch.device,
        asked: Asked | None = None,
        purpose: str = "queries",
    ) -> None:
        self.classifier, self.batch_size, self.device = classifier, batch_size, device
        self.asked, self.purpose = Asked() if asked is None else asked, purpose
        self.queries = 0
        self._invalid = torch.zeros((), dtype=torch.int64, device=device)  # read when asked for: no wait every round

    @property
    def invalid(self) -> int:
        """Answers so far that held NaN or infinite scores."""
        return int(self._invalid)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Log-scores N×K (their differences are logit margins) of ``pixels``, N×H×W×C whole numbers 0–255.

        Raises ``ModelError`` when the model does not answer one row of scores an image.
        """
        self.queries += len(pixels)
        parts = [self._call(chunk) for chunk in torch.split(pixels, self.batch_size)]
        scores = torch.cat(parts) if len(parts) > 1 else parts[0]
        self._invalid += (~scores.isfinite()).any(1).sum()
        return scores

    def of_images(self, images: Sequence[npt.NDArray[np.uint8]]) -> Tensor:
        """Log-scores N×K of N uint8 images H×W×C, N at least 1."""
        starts = range(0, len(images), self.batch_size)
        stacks = (torch.from_numpy(np.stack(images[start : start + self.batch_size])) for start in starts)
        return torch.cat([self(stack.to(self.device).float()) for stack in stacks])

    def classes_of(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[int]:
        """The classes said of N uint8 images H×W×C; −1 where the scores are no numbers."""
        return classes(self.of_images(images)).tolist() if len(images) else []

    def _call(self, chunk: Tensor) -> Tensor:
        images = to_unit(chunk).to(self.device)
        scores = ask_whole(self.classifier, images, self.batch_size, self.asked, self.purpose)
        return log_scores(scores, self.classifier.kind)


def classes(scores: Tensor) -> Tensor:
    """The classes N that ``scores`` N×K say; −1, which is no class, where one of them is not finite."""
    return torch.where(scores.isfinite().all(1), scores.argmax(1), NO_CLASS)


def verifier(
    classifier: Classifier, device: torch.device, asked: Asked | None = None, purpose: str = "queries"
) -> Scorer:
    """What decides about claims, in batches of their own size."""
    return Scorer(classifier, VERIFY_ROWS.get(device.type, VERIFY_ROWS_ELSEWHERE), device, asked, purpose)


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """Full float32 and the same kernels every time, which CUDA does not give by default (TF32); put back after."""
    if device.type != "cuda":
        yield
        return
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        matmul.allow_tf32 = before


def predictor(classifier: Classifier, device: torch.device) -> Predict:
    """A function from N uint8 images H×W×C to their probabilities N×K, asked as the engine asks to verify."""
    scorer = verifier(classifier, device)
    return lambda images: scorer.of_images(images).double().softmax(1).cpu().numpy()
