"""Images on their way to somebody else's process: as 8-bit files, in batches, each only once."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.wording import first_line

#: Answers that are kept, so that an image that was asked about is not sent again.
KEPT = 1 << 16
Pixels = npt.NDArray[np.uint8]  # H×W×C


def takes_pictures_only(classifier: object) -> bool:
    """Whether ``classifier``, behind whatever defences, can be asked about 8-bit images alone."""
    while (inner := getattr(classifier, "classifier", None)) is not None:
        classifier = inner
    return bool(getattr(classifier, "pictures_only", False))


def as_pixels(images: Tensor, name: str) -> list[Pixels]:
    """float32 N×C×H×W in [0, 1] as N uint8 images H×W×C. Raises ``ModelError`` for what is no whole grey level."""
    levels = images.detach().cpu().double() * 255
    whole = levels.round()
    if not bool(((levels - whole).abs() < 1e-3).all() and (whole >= 0).all() and (whole <= 255).all()):
        raise ModelError(
            f"The model {name} is sent 8-bit images, but these are no whole grey levels; expected no mean, std, scale "
            "or normalise for it, so leave normalisation to the other side."
        )
    return list(whole.byte().permute(0, 2, 3, 1).contiguous().numpy())


def png(image: Pixels) -> bytes:
    """The image as a PNG file, grey where it has one channel."""
    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    return stream.getvalue()


class Sender:
    """Asks ``send`` about images that it was not asked about before, ``batch`` at a time.

    ``send`` takes some images and returns as many rows of numbers. What it answered is kept, the last ``KEPT``.
    """

    def __init__(self, send: Callable[[Sequence[Pixels]], object], name: str, batch: int) -> None:
        self._send, self._name, self._batch = send, name, batch
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()
        self.sent, self._width = 0, 0

    def answers(self, images: Tensor) -> Tensor:
        """Numbers N×k, k at least 1, about ``images``, float32 N×C×H×W in [0, 1]."""
        pixels = as_pixels(images, self._name)
        keys = [hashlib.sha256(str(each.shape).encode() + each.tobytes()).digest() for each in pixels]
        fresh = list({key: image for key, image in zip(keys, pixels, strict=True) if key not in self._known}.items())
        found = {key: self._known[key] for key in keys if key in self._known}
        for start in range(0, len(fresh), self._batch):
            part = fresh[start : start + self._batch]
            rows = rows_of(self._send([image for _, image in part]), len(part), self._name)
            self._check_width(rows.shape[1])
            self.sent += len(part)
            found.update(zip((key for key, _ in part), rows, strict=True))
        for key in found:
            self._known[key] = found[key]
            self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return torch.stack([found[key] for key in keys]).to(images.device)

    def _check_width(self, width: int) -> None:
        """Raise ``ModelError`` where a row has not as many numbers as those of other calls."""
        if self._width not in (0, width):
            raise ModelError(
                f"The model {self._name} answered with {width} numbers an image, and before with {self._width}; "
                "expected as many always."
            )
        self._width = width


def rows_of(answer: object, count: int, name: str) -> Tensor:
    """The numbers that came back, ``count``×k, whole or float32. Raises ``ModelError`` where they are no such rows."""
    expected = f"expected {count} rows of as many numbers, one a class, or one number an image"
    try:
        numbers = np.array(answer)
        if numbers.dtype.kind == "U":
            numbers = numbers.astype(np.int64 if np.char.isdecimal(numbers).all() else np.float64)
        rows = torch.tensor(numbers, dtype=torch.int64 if numbers.dtype.kind in "iub" else torch.float32)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ModelError(
            f"The model {name} answered with what is no scores ({first_line(error)}); {expected}."
        ) from error
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        shape = "×".join(map(str, rows.shape)) or "a single number"
        raise ModelError(f"The model {name} answered {count} images with {shape}; {expected}.")
    return rows
