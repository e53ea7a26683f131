"""Asking somebody's code for scores, and saying plainly what is wrong with the answer."""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from pixelproof.errors import InputError, ModelError, is_memory_error
from pixelproof.wording import first_line


class ModelMemoryError(ModelError):
    """The memory does not suffice for the images of one call of the model."""


def ask(call: Callable[[Tensor], object], batch: Tensor, name: str) -> object:
    """``call(batch)``; whatever it raises becomes a ``ModelError`` with its cause and the shape.

    Our own errors and Ctrl-C pass through unchanged; running out of memory becomes a ``ModelMemoryError``. A model that
    ends the process (``sys.exit``) does not end it as if all were done.
    """
    try:
        return call(batch)
    except (InputError, KeyboardInterrupt):
        raise
    except (OSError, TimeoutError) as error:
        raise ModelError(
            f"The model {name} failed with {first_line(error)}, which comes from files or the network and not from the "
            "images; expected it to reach what it needs, so try it alone in Python."
        ) from error
    except BaseException as error:
        n, *image = batch.shape
        if is_memory_error(error):
            raise ModelMemoryError(
                f"The model {name} ran out of memory on {n} images of shape {'×'.join(map(str, image))} at once; "
                "expected room for them, so give a smaller --batch-size, smaller images or another --device."
            ) from error
        raise ModelError(
            f"The model {name} failed on {n} images of shape {'×'.join(map(str, image))} (C×H×W, values in "
            f"[0, 1]) with {first_line(error)}; check that the model is made for images of this shape."
        ) from error


class Reader(Protocol):
    """What has a name, and makes scores N×K of an answer."""

    name: str

    def as_scores(self, output: object, rows: int) -> Tensor: ...


def ask_in_batches(call: Callable[[Tensor], object], images: Tensor, size: int | None, reader: Reader) -> Tensor:
    """What ``reader`` reads, N×K, of ``call`` about ``images`` N×…, by batches of ``size``.

    The last batch is filled up by its first image. ``size`` None: all at once. Raises ``ModelError`` as ``ask`` and
    ``reader.as_scores`` do.
    """
    rows, answers = size or len(images), []
    for chunk in torch.split(images, rows):
        missing = rows - len(chunk)
        whole = torch.cat([chunk, chunk[:1].expand(missing, *chunk.shape[1:])]) if missing else chunk.contiguous()
        answers.append(reader.as_scores(ask(call, whole, reader.name), rows)[: len(chunk)])
    return torch.cat(answers)


def check_scores(output: object, rows: int, name: str) -> Tensor:
    """``output`` itself when it is a floating tensor rows×K, K ≥ 2; else ``ModelError`` says what it is."""
    expected = f"expected scores N×K (here {rows}×K with K ≥ 2)"
    if isinstance(output, (tuple, list, Mapping)) or hasattr(output, "logits"):
        raise ModelError(
            f"The model {name} returned a {type(output).__name__}; {expected}, so wrap it to return the logits tensor."
        )
    if not isinstance(output, Tensor):
        raise ModelError(
            f"The model {name} returned a {type(output).__name__}; {expected}, so return the logits tensor."
        )
    check_dense(output, name)
    if output.ndim != 2 or output.shape[0] != rows or output.shape[1] < 2:
        raise ModelError(
            f"The model {name} returned the shape "
            f"{'×'.join(map(str, output.shape)) or '() of a single number'}; {expected}, so return one row "
            "of class scores an image."
        )
    if not output.is_floating_point():
        raise ModelError(
            f"The model {name} returned {output.dtype} numbers; {expected} in floating point, so return the logits."
        )
    return output


def check_dense(output: Tensor, name: str) -> None:
    """Raise ``ModelError`` for a tensor whose numbers do not stand one after the other: sparse, nested, or none."""
    if output.is_meta or output.is_nested or output.is_quantized or output.layout is not torch.strided:
        kind = "meta" if output.is_meta else "nested" if output.is_nested else "quantised"
        kind = str(output.layout).removeprefix("torch.") if output.layout is not torch.strided else kind
        raise ModelError(
            f"The model {name} returned a {kind} tensor; expected plain numbers N×K, so return dense floating scores."
        )
