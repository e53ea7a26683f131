"""One small network in every form that people keep networks in, each to be loaded by what is typed for it."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

SHAPE, CLASSES = (8, 8, 3), 4


class Small(nn.Module):
    """A rectified convolution and a linear layer; images N×3×8×8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3, stride=2), nn.Linear(6 * 9, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.conv(x)).flatten(1))
        return scores


class ChannelsLast(nn.Module):
    """``Small`` for images N×8×8×3, with a softmax."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x.permute(0, 3, 1, 2)).softmax(1)
        return scores


def network(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    module = Small().eval()
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(3)
    return module


def images(count: int, seed: int = 0) -> Tensor:
    """float32 N×3×8×8 in [0, 1], of whole grey levels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, 8, 8), generator=generator).float() / 255


def write(kind: str, folder: Path, module: nn.Module) -> str:
    """``module`` as a file of ``kind`` in ``folder``; what is to be typed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _WRITERS[kind](folder, module)


def _pt2(folder: Path, module: nn.Module) -> str:
    program = torch.export.export(module, (images(4),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / "net.pt2")
    return str(folder / "net.pt2")


def _script(folder: Path, module: nn.Module) -> str:
    torch.jit.trace(module, (images(2),)).save(folder / "net.pt")  # type: ignore[no-untyped-call]
    return str(folder / "net.pt")


def _onnx(folder: Path, module: nn.Module, example: Tensor, free: bool) -> str:
    path = folder / f"net-{'x'.join(map(str, example.shape))}-{'free' if free else 'fixed'}.onnx"
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    torch.onnx.export(module, (example,), path, dynamo=True, dynamic_shapes=shapes, verbose=False, external_data=False)
    return f"onnx:{path}"


def _last(folder: Path, module: nn.Module) -> str:
    return _onnx(folder, ChannelsLast(module), images(3).permute(0, 2, 3, 1).contiguous(), free=True)


_WRITERS = {
    "pt2": _pt2,
    "torchscript": _script,
    "onnx": lambda folder, module: _onnx(folder, module, images(4), free=True),
    "onnx, one at a time": lambda folder, module: _onnx(folder, module, images(1), free=False),
    "onnx, channels last": _last,
}
KINDS = tuple(_WRITERS)
