"""The one judge of success, for every tool: 8-bit images, the constraint in integers, the network in float32."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

#: Rows of every call, the last ones repeated: the last bits of a score may depend on the size of a batch.
ROWS = 16


def to_8_bit(images: Tensor) -> npt.NDArray[np.uint8]:
    """Images N×C×H×W in [0, 1] as a tool returns them, rounded to uint8 N×H×W×C as they would be saved."""
    levels = images.detach().cpu().double().mul(255).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def to_unit(images: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 images N×H×W×C as float32 N×C×H×W in [0, 1]."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).contiguous().float().div(255)


@torch.inference_mode()
def predicted(network: nn.Module, images: npt.NDArray[np.uint8]) -> Tensor:
    """The class of each image, N; −1 where the scores are not finite."""
    answers = []
    for begin in range(0, len(images), ROWS):
        part = to_unit(images[begin : begin + ROWS])
        rows = len(part)
        scores = network(torch.cat([part, part[-1:].expand(ROWS - rows, *part.shape[1:])]))[:rows]
        answers.append(torch.where(scores.isfinite().all(1), scores.argmax(1), -1))
    return torch.cat(answers)


def distance(attack: str, images: npt.NDArray[np.uint8], clean: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How far each image is from its clean one, in the attack's own measure: pixels changed, or grey levels."""
    difference = np.abs(images.astype(np.int64) - clean.astype(np.int64))
    if attack == "few-pixel":
        return np.asarray((difference > 0).any(-1).sum((1, 2)), np.int64)
    return np.asarray(difference.max((1, 2, 3)), np.int64)


def stands(
    network: nn.Module,
    clean: npt.NDArray[np.uint8],
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    attack: str,
    threshold: int | None,
) -> list[bool]:
    """Whether each image fools ``network`` within ``threshold`` of its ``clean`` one (None: at any distance)."""
    if images.dtype != np.uint8 or images.shape != clean.shape:
        raise ValueError(f"images are {images.shape} {images.dtype}, must be {clean.shape} uint8")
    answers = predicted(network, images)
    fooled = ((answers != torch.from_numpy(np.array(labels))) & (answers >= 0)).numpy()
    within = True if threshold is None else distance(attack, images, clean) <= threshold
    return [bool(good) for good in fooled & within]
