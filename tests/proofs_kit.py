"""Small networks that can be bounded, and a naive prover for them that halves boxes until they are small enough."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixelproof.data import ImageSet, default_class_names
from pixelproof.data.imageset import UInt8Array
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.models import TorchClassifier
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.check_allowance import allowance
from pixelproof.proofs.check_bounds import lowest_margins
from pixelproof.proofs.check_network import Network
from pixelproof.proofs.methods import Task
from pixelproof.runs.record import Certificate

Colours = tuple[int, ...]
Leaf = tuple[int, Colours, Colours]  # position, lowest colour, highest colour


class EveryLayer(nn.Module):
    """Every layer that the checker knows, for images of 8×8 pixels."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.4))
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 1, 1)
        )
        self.branch = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.pool = nn.AvgPool2d(2)
        self.norm = nn.BatchNorm2d(10)
        self.features = nn.Sequential(nn.Conv2d(10, 6, 1), nn.Identity(), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(24, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout())
        self.last = nn.Linear(8 + 6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem((x.expand(-1, 3, -1, -1) - self.mean) / 0.25)
        short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        y = self.branch(x)
        y += short
        y = F.relu(self.norm(torch.cat([y, self.pool(x)], 1)))
        z = F.max_pool2d(self.features(y), 2)
        w = self.head(z.view(z.size(0), -1))
        return self.last(torch.cat([w, 2.0 * z.mean((2, 3)) - 0.5], 1))


def every_layer(seed: int = 0) -> nn.Module:
    """``EveryLayer`` with random weights and statistics."""
    torch.manual_seed(seed)
    network = EveryLayer()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.weight.normal_()
                module.bias.normal_()
    return network.eval()


def convolutional(shape: tuple[int, int, int], classes: int = 3, seed: int = 0, gain: float = 1.0) -> nn.Module:
    """A convolution, ReLU, pool and full layer with random weights, for images of ``shape`` H×W×C, H and W even."""
    torch.manual_seed(seed)
    height, width, channels = shape
    network = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(height * width, classes),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(gain)
    return network.eval()


def random_image(shape: tuple[int, int, int], seed: int = 0) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def answer(module: nn.Module, image: UInt8Array) -> int:
    """The class that the module gives ``image``."""
    return answers(module, [image])[0]


def prove(module: nn.Module, image: UInt8Array) -> list[Leaf]:
    """Leaves that prove one pixel of ``image``: halved along the longest side while the bound is too low."""
    network, label = Network(module, image), answer(module, image)
    needed, channels = allowance(network, label), image.shape[2]
    leaves: list[Leaf] = []
    waiting: list[Leaf] = [(k, (0,) * channels, (255,) * channels) for k in range(image.shape[0] * image.shape[1])]
    while waiting:
        place, low, high = waiting.pop()
        sides = np.subtract(high, low) + 1
        bound = lowest_margins(network, label, *(_with(image, place, corner) for corner in (low, high)))
        if float(bound) > 1.05 * needed:
            leaves.append((place, low, high))
        else:
            assert sides.max() > 1, "a single colour breaks it"
            waiting += halves((place, low, high))
    return leaves


def halves(leaf: Leaf) -> list[Leaf]:
    """``leaf`` in two, along its first longest side."""
    place, low, high = leaf
    axis = int(np.subtract(high, low).argmax())
    middle = (low[axis] + high[axis]) // 2
    lower = (*high[:axis], middle, *high[axis + 1 :])
    upper = (*low[:axis], middle + 1, *low[axis + 1 :])
    return [(place, low, lower), (place, upper, high)]


def body_of(leaves: Sequence[Leaf], label: int, needed: float) -> dict[str, Any]:
    """The body of a certificate of bounds."""
    rows = np.array([(place, *low, *high) for place, low, high in leaves], "<i2")
    text = base64.b64encode(zlib.compress(rows.tobytes())).decode()
    return {"format": 1, "label": label, "allowance": needed, "count": len(rows), "leaves": text}


def certificate_of(body: dict[str, Any], method: str = "bounds", **changes: Any) -> Certificate:
    """A certificate of one pixel with ``body``, and ``changes``."""
    values: dict[str, Any] = {"sample": 0, "constraint": "few-pixel", "threshold": 1, "parameters": ""}
    values |= {"proved": True, "reason": "", "size": body.get("count", 1), "queries": 0, "seconds": 0.0}
    return Certificate(**{**values, "method": method, "body": body, **changes})


def threshold_proof(task: Task) -> Attempt:
    """A proof of a threshold by one box, or none."""
    assert isinstance(task.classifier, TorchClassifier)
    network, label = Network(task.classifier.module, task.image), task.label
    clean = torch.from_numpy(task.image.astype(np.int64)).permute(2, 0, 1)[None]
    low, high = (clean - task.threshold).clamp(min=0), (clean + task.threshold).clamp(max=255)
    needed, bound = allowance(network, label), float(lowest_margins(network, label, low, high))
    proved = bound > 1.05 * needed
    body = {"format": 1, "label": label, "allowance": needed, "count": 1, "closer": []}
    return Attempt(proved, "" if proved else f"bounded by {bound:.3g} only", 1, 0, 0.0, body if proved else {})


def proof(module: nn.Module, image: UInt8Array) -> Certificate:
    """The certificate of one pixel of ``image``, proved."""
    label = answer(module, image)
    return certificate_of(body_of(prove(module, image), label, allowance(Network(module, image), label)))


def breaks(module: nn.Module, image: UInt8Array) -> bool:
    """Whether one pixel of a grey ``image`` changes the class, by brute force."""
    return {*answers(module, list(one_pixel_images(image)))} != {answer(module, image)}


def answers(module: nn.Module, images: Sequence[UInt8Array]) -> list[int]:
    """The classes that the module gives ``images``."""
    with torch.inference_mode():
        scores = module(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous().float() / 255)
    return scores.argmax(1).tolist()


def classifier_of(module: nn.Module) -> TorchClassifier:
    return TorchClassifier(module, name="tiny", kind="logits")


def one_pixel_images(image: UInt8Array) -> Iterator[UInt8Array]:
    """Every image within one pixel of a grey one, by plain loops."""
    for row, column in np.ndindex(*image.shape[:2]):
        for value in range(256):
            if value != image[row, column, 0]:
                changed = image.copy()
                changed[row, column, 0] = value
                yield changed


def _with(image: UInt8Array, place: int, colour: Colours) -> Tensor:
    changed = image.copy()
    changed[divmod(place, image.shape[1])] = colour
    return torch.from_numpy(changed).permute(2, 0, 1)[None]


def tiny_job(module: nn.Module | None = None, channels: int = 3, count: int = 6, **options: Any) -> AssessJob:
    """One pixel on ``count`` random images of ``channels``, after a search so small that it breaks little."""
    shape = (4, 4, channels)
    module = module if module is not None else convolutional(shape, seed=2)
    images = np.stack([random_image(shape, seed) for seed in range(count)])
    data = ImageSet(images, np.array(answers(module, images)), default_class_names(np.zeros(1, int), 3), "arrays")
    given = {"levels": (1,), "attacks": ("few-pixel",), "max_queries": 2, "search": "sparse-random"}
    given |= {"certify": "auto", "device": "cpu", "samples": count}
    spec = make_spec(model="python:tiny", data="arrays", **{**given, **options})
    return AssessJob(spec, classifier_of(module), data)


def module_of(job: AssessJob) -> nn.Module:
    assert isinstance(job.classifier, TorchClassifier)
    return job.classifier.module
