"""What pixelproof's own adapters share: a name, what their scores are, and answers with less than a score a class."""

import torch
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.outputs import check_dense, check_scores


class Adapter:
    """A classifier's ``name`` and ``kind``; where that is None, it is detected at the preflight (``resolve_kind``).

    ``classes``, K, is needed of a model that answers with class numbers alone; a job says it (``settle_classes``).
    """

    def __init__(self, name: str, kind: ScoreKind | None) -> None:
        self.name = name
        self.kind: ScoreKind = kind or "logits"
        self.kind_given = kind is not None
        self.classes: int | None = None
        self._column: ScoreKind | None = None  # what one number an image was taken for at first

    def as_scores(self, output: object, rows: int) -> Tensor:
        """Scores N×K, floating, of ``output`` about N = ``rows`` images.

        One number an image, N or N×1, is a class where it is whole (or ``kind`` says labels): a row with a single 1.
        Else it is of class 1 of two, as a probability p where all lie in [0, 1], else as a logit z: 1 − p and p, or 0
        and z, whose softmax is the sigmoid of z. What the first answer is taken for holds for all others. Raises
        ``ModelError`` for answers of another kind than the first, and as ``check_scores`` does.
        """
        if isinstance(output, Tensor):
            check_dense(output, self.name)
        if isinstance(output, Tensor) and not output.is_complex():
            if output.shape in ((rows,), (rows, 1)):
                return self._of_one_column(output.reshape(rows))
            output = output if output.is_floating_point() else output.float()
        return check_scores(output, rows, self.name)

    def _of_one_column(self, values: Tensor) -> Tensor:
        if self._column is None:
            self._column = self.kind if self.kind_given else _kind_of_column(values)
        if self._column == "labels":
            return self._one_hot(values)
        values = values if values.is_floating_point() else values.float()
        if self._column == "logits":
            return torch.stack([torch.zeros_like(values), values], 1)
        if bool(((values < 0) | (values > 1)).any()):
            raise self._another(float(values.detach().abs().max()), "probabilities of class 1", "logits")
        return torch.stack([1 - values, values], 1)

    def _one_hot(self, values: Tensor) -> Tensor:
        if self.classes is None:
            raise ModelError(
                f"The model {self.name} answers with class numbers alone; expected to know how many classes there "
                "are, so add classes=K to what is typed for it, as in FILE.py:FUNCTION,classes=10."
            )
        whole = values.round().long() if values.is_floating_point() else values.long()
        if not torch.equal(whole.to(values.dtype), values):
            raise self._another(float(values[whole != values][0]), "class numbers", "probabilities")
        if bool(((whole < 0) | (whole >= self.classes)).any()):
            odd = int(whole[(whole < 0) | (whole >= self.classes)][0])
            raise ModelError(
                f"The model {self.name} answered class {odd}, but there are {self.classes} classes, 0 to "
                f"{self.classes - 1}; name them all (class_names in Python), or add classes=K to what is typed for it."
            )
        return torch.nn.functional.one_hot(whole, self.classes).float()

    def _another(self, value: float, first: str, kind: str) -> ModelError:
        return ModelError(
            f"The model {self.name} answered {value:g}, but its first answers were {first}; expected one kind, so say "
            f"kind={kind}."
        )


def settle_classes(classifier: object, classes: int) -> None:
    """Tell an adapter, also behind defences, that there are K ``classes`` at least."""
    inner: object | None = classifier
    while inner is not None:
        if isinstance(inner, Adapter):
            inner.classes = max(classes, inner.classes or 0)
        inner = getattr(inner, "classifier", None)


def _kind_of_column(values: Tensor) -> ScoreKind:
    if not values.is_floating_point():
        return "labels"
    return "probabilities" if bool(((values >= 0) & (values <= 1)).all()) else "logits"
