"""What an attack sees of a model: answers and gradients, counted image by image."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier
from pixelproof.models.outputs import ask as call_model
from pixelproof.models.query import ask
from pixelproof.models.scores import log_scores
from pixelproof.units import to_8_bit

#: From the log-scores n×K of some images, and their rows, to n values.
Loss = Callable[[Tensor, Tensor], Tensor]


class Oracle:
    """Answers for N images under attack; every method takes n images and the ``rows`` (n integers below N) they are of.

    ``queries`` and ``gradient_steps``, N integers each, count forward passes and backward passes of every image. What
    is asked about is always the nearest 8-bit image, since nothing else can be handed to a camera, a file or a server,
    and what fools only between grey levels fools nobody; gradients pass through the rounding unchanged.
    ``eight_bit`` False leaves images as they are, for comparisons with libraries that do so. Where a gradient overflows
    there is no direction, so it is 0, unless ``finite`` is False. ``surrogates`` are other networks that resemble the
    model, which may be asked anything; what they are asked is not counted.
    """

    def __init__(
        self,
        classifier: Classifier,
        batch_size: int,
        device: torch.device,
        samples: int,
        eight_bit: bool = True,
        finite: bool = True,
        surrogates: Sequence[Classifier] = (),
    ) -> None:
        self.classifier, self.batch_size, self.device = classifier, batch_size, device
        self.queries = torch.zeros(samples, dtype=torch.int64)
        self.gradient_steps = torch.zeros(samples, dtype=torch.int64)
        self.eight_bit, self.finite = eight_bit, finite
        self.surrogates = surrogates
        self._calls = _calls(classifier)

    def log_scores(self, images: Tensor, rows: Tensor) -> Tensor:
        """Log-scores n×K (their differences are logit margins) of ``images``, float32 n×C×H×W in [0, 1]."""
        self._count(self.queries, rows)
        with torch.no_grad():
            parts = [self._ask(self._seen(chunk)) for chunk in torch.split(images, self.batch_size)]
        return torch.cat(parts)

    def labels(self, images: Tensor, rows: Tensor) -> Tensor:
        """The classes answered, n integers; all that an attack on labels may look at."""
        return self.log_scores(images, rows).argmax(1)

    def gradient(self, images: Tensor, rows: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        """Log-scores n×K of ``images``, and the gradient n×C×H×W of each image's ``loss`` at it.

        Raises ``InputError`` when the model has no gradients.
        """
        answers, gradients = [], []
        for chunk, part in zip(torch.split(images, self.batch_size), torch.split(rows, self.batch_size), strict=True):
            with torch.enable_grad():
                seen = self._seen(chunk).requires_grad_()
                scores = self._differentiable(seen)
                gradient = self._backwards(loss(scores, part).sum(), seen)
            answers.append(scores.detach())
            gradients.append(gradient)
        self._count(self.queries, rows)
        self._count(self.gradient_steps, rows)
        return torch.cat(answers), torch.cat(gradients)

    def jacobian(self, images: Tensor, rows: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log-scores n×K, and the gradients n×k×C×H×W of those of ``classes``, integers n×k (None: all, in order).

        k gradient steps an image. Raises ``InputError`` when the model has no gradients.
        """
        answers, gradients = [], []
        for start in range(0, len(images), self.batch_size):
            stop = start + self.batch_size
            with torch.enable_grad():
                seen = self._seen(images[start:stop]).requires_grad_()
                scores = self._differentiable(seen)
                if classes is None:
                    chosen = torch.arange(scores.shape[1], device=scores.device).expand(len(scores), -1)
                else:
                    chosen = classes[start:stop]
                columns = scores.gather(1, chosen).sum(0)
                each = [self._backwards(column, seen, retain=True) for column in columns]
            answers.append(scores.detach())
            gradients.append(torch.stack(each, 1))
        self._count(self.queries, rows)
        self._count(self.gradient_steps, rows, len(each))
        return torch.cat(answers), torch.cat(gradients)

    def _seen(self, images: Tensor) -> Tensor:
        images = images.detach()
        return to_8_bit(images) if self.eight_bit else images.clone()

    def _ask(self, images: Tensor) -> Tensor:
        return log_scores(ask(self.classifier, images), self.classifier.kind)

    def _differentiable(self, images: Tensor) -> Tensor:
        scores = self._ask(images) if self.classifier.differentiable else images.detach()
        if not scores.requires_grad:
            raise self._blind()
        return scores

    def _backwards(self, value: Tensor, images: Tensor, retain: bool = False) -> Tensor:
        def back(images: Tensor) -> Tensor | None:  # through the model's own code, which may fail
            return torch.autograd.grad(value, images, retain_graph=retain, allow_unused=True)[0]

        gradient = call_model(back, images, self.classifier.name)
        if not isinstance(gradient, Tensor):  # the scores depend on weights alone: the images are cut off on their way
            raise self._blind()
        return torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0) if self.finite else gradient

    def _blind(self) -> InputError:
        others = "few-pixel or threshold, or an attack on scores (square, nes, zoo) or on labels"
        use = "an attack on labels" if self.classifier.kind == "labels" else others
        return InputError(
            f"The model {self.classifier.name} gives no gradients; use {use} (label-regression, boundary)."
        )

    def _count(self, counter: Tensor, rows: Tensor, times: int = 1) -> None:
        counter.index_add_(0, rows.cpu(), torch.full((len(rows),), times * self._calls))


def _calls(classifier: object) -> int:
    """Forward passes that one answer of ``classifier`` costs: more than one where it averages over draws."""
    calls: int = getattr(classifier, "calls", 1)
    inner = getattr(classifier, "classifier", None)
    return calls if inner is None else calls * _calls(inner)
