"""Hashes that tell models apart, the same in every process."""

import hashlib
import inspect
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pixelproof.errors import ModelError

_NORM = re.compile(r"((?:Batch|Instance|Group|Layer)Norm\w*\(.*affine=(True|False))(?!, bias=)")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # differs from process to process


def module_fingerprint(module: nn.Module) -> str:
    """SHA-256 over the class's name, the printed structure, and every weight and buffer (name, dtype, shape, bytes).

    Keys are sorted and tensors taken contiguous on the CPU, so neither device, memory format nor order counts; nor
    does the file that the class stands in, which may move. The source of the user's own classes counts where it can
    be read; that of torch's and pixelproof's does not. Raises ``ModelError`` for lazy weights that have no shape yet.
    """
    digest = hashlib.sha256(f"{type(module).__qualname__}\n".encode())
    digest.update(_structure(module).encode())
    for source in sorted(_own_sources(module)):
        digest.update(source.encode())
    state = dict(_named_tensors(module))
    for key in sorted(state):
        if is_lazy(state[key]):
            raise ModelError(
                f"The weight {key} has no shape yet; call the model once on an image before handing it over."
            )
        tensor = state[key].detach()
        digest.update(f"\n{key} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def file_fingerprint(path: Path) -> str:
    """SHA-256 of the file at ``path``."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _structure(module: nn.Module) -> str:
    """``module`` as torch 2.13 prints it; before, layers that normalise did not say that they have a bias."""
    return _NORM.sub(r"\1, bias=\2", _ADDRESS.sub("", repr(module)))


def _own_sources(module: nn.Module) -> set[str]:
    """The source of every class in ``module`` that is neither torch's nor ours, where there is any to read."""
    sources = set()
    for kind in {type(each) for each in module.modules()}:
        if kind.__module__.partition(".")[0] not in ("torch", "pixelproof"):
            with suppress(OSError, TypeError):  # made by exec, or in a notebook cell that is gone
                sources.add(inspect.getsource(kind))
    return sources


def _named_tensors(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    """The state dict's tensors, and the buffers that it leaves out."""
    yield from module.named_buffers()
    yield from ((key, value) for key, value in module.state_dict(keep_vars=True).items() if isinstance(value, Tensor))


def _bytes(tensor: Tensor) -> bytes:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return repr(tensor).encode()
    raw = tensor.cpu().contiguous().reshape(-1).view(torch.uint8)
    data: bytes = raw.numpy().tobytes()
    return data
