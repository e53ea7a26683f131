"""Any Python callable as a classifier: the black box in the strict sense."""

import hashlib
import inspect
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.outputs import ask
from pixelproof.wording import first_line


class CallableClassifier(Adapter):
    """Scores from ``function(images)``.

    The function always gets one thing: a fresh contiguous ``torch.Tensor`` on the CPU, float32 N×C×H×W in [0,
    1] (``images.numpy()`` is the NumPy array, without a copy; a jitted function of JAX, which takes no tensors, gets
    that), and is called without gradients. It returns
    scores N×K, N class numbers, or one logit or probability an image (``Adapter.as_scores``), as a tensor, a NumPy or
    JAX array, or lists. The fingerprint hashes the function's name and source, a stand-in: what the function reaches
    (weights, a remote service) is not seen. Give ``fingerprint`` where something better is known.
    """

    differentiable = False

    def __init__(
        self,
        function: Callable[..., object],
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__(name or str(getattr(function, "__name__", type(function).__name__)), kind)
        self.function = function
        self.fingerprint = fingerprint or callable_fingerprint(function)

    def __repr__(self) -> str:
        return f"CallableClassifier({self.name!r}, kind={self.kind!r})"

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, which are float32 N×C×H×W in [0, 1].

        Raises ``ModelError`` when the function fails or answers with anything but N×K numbers.
        """
        batch = torch.empty(images.shape, dtype=torch.float32).copy_(images.detach())
        call = (lambda batch: self.function(batch.numpy())) if _is_jitted(self.function) else self.function
        with torch.no_grad():
            output = ask(call, batch, self.name)
        scores = self.as_scores(self._tensor(output), len(images))
        return scores.detach().to(images.device, torch.float32)

    def _tensor(self, output: object) -> object:
        """``output`` as a tensor where it is an array or lists of numbers."""
        if isinstance(output, list):
            try:
                output = np.array([row.detach().cpu().numpy() if isinstance(row, Tensor) else row for row in output])
            except (ValueError, TypeError) as error:
                raise ModelError(
                    f"The model {self.name} returned lists that are no N×K numbers ({first_line(error)}); "
                    "expected one row of class scores an image, so return rows of equal length."
                ) from error
        elif hasattr(output, "__array__") and not isinstance(output, Tensor):
            output = np.asarray(output)
        if isinstance(output, np.ndarray):
            if output.dtype.kind not in "biuf":
                raise ModelError(
                    f"The model {self.name} returned an array of {output.dtype}; expected scores N×K, so "
                    "return numbers."
                )
            output = torch.from_numpy(np.array(output, np.float32 if output.dtype.kind == "f" else np.int64))
        return output


def _is_jitted(function: object) -> bool:
    return type(function).__module__.partition(".")[0] == "jaxlib"


def callable_fingerprint(function: Callable[..., object]) -> str:
    """A hash of the name and, where there is one to read, the source of ``function`` or its class."""
    shown = function if hasattr(function, "__qualname__") else type(function)
    name = getattr(shown, "__qualname__", type(function).__qualname__)  # not its module: the file may move
    try:
        source = inspect.getsource(shown)
    except (OSError, TypeError):
        source = ""
    return hashlib.sha256(f"callable\n{name}\n{source}".encode()).hexdigest()
