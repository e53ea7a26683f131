"""For maintainers: fit the constants of the pixel process again, by maximum marginal likelihood.

    python tools/fit_pixel_kernel.py CIFAR10_ROOT [--network resnet20] [--images 32]

Changes one pixel, several pixels at once, and one of several (a swap) of CIFAR-10 *training* images that the network of
the zoo classifies correctly, to random corner colours at random positions; asks the network; and climbs the likelihood
of all margins under the Gaussian process of ``search/pixel_prior.py``, each with its own scale. Prints the constants of
that file and of ``search/pixel_process.py``. No test image is looked at.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pixelproof.data.cifar10 import load_cifar10
from pixelproof.zoo import registry

CORNERS = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).double()
SIZES = {1: 192, 3: 48, 5: 24, 10: 24}  # sets of each size an image; to each set of 3 there is a swap


@dataclass
class Answers:
    """What a network answered to probes of one image. A swap counts as a set of size 0."""

    sums: Tensor  # (probes, pixels), +1 or -1 where a probe holds a pixel
    features: Tensor  # (pixels, 4)
    place: Tensor  # (pixels, 2)
    sizes: Tensor  # (probes,)
    drops: Tensor  # (probes, rivals)


def main() -> None:
    """Ask, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder that holds cifar-10-batches-bin")
    parser.add_argument("--network", default="resnet20", help="a network of the zoo")
    parser.add_argument("--images", type=int, default=32, help="correctly classified training images")
    parser.add_argument("--steps", type=int, default=90, help="of gradient ascent")
    arguments = parser.parse_args()
    network = registry.load(arguments.network)
    data = load_cifar10(arguments.root, "train", allow_download=False)
    random = torch.Generator().manual_seed(0)
    answers: list[Answers] = []
    for pixels, label in zip(data.images, data.labels.tolist(), strict=True):
        image = torch.from_numpy(pixels.copy()).double() / 255
        if int(ask(network, image[None]).argmax()) == label:
            answers.append(probe(network, image, label, random))
        if len(answers) == arguments.images:
            break
    print(fit(answers, arguments.steps, random))


@torch.inference_mode()
def ask(network: nn.Module, images: Tensor) -> Tensor:
    """Log-probabilities of images N×H×W×C in [0, 1]."""
    return torch.cat([network(part.permute(0, 3, 1, 2).float()).log_softmax(1) for part in images.split(64)]).double()


def probe(network: nn.Module, image: Tensor, label: int, random: torch.Generator) -> Answers:
    """Paint random sets of pixels, and the same with one pixel exchanged, and ask."""
    height, width, channels = image.shape
    painted, sizes, sums, cells = [image], [1], [], []
    for size, count in SIZES.items():
        for _ in range(count):
            where = torch.randperm(height * width, generator=random)[: size + 1]
            colour = CORNERS[torch.randint(8, (size + 1,), generator=random)]
            painted.append(paint(image, where[:size], colour[:size]))
            sizes.append(size)
            first = len(cells)
            cells += zip(where.tolist(), colour, strict=True)
            sums.append({first + k: 1.0 for k in range(size)})
            if size == 3:
                painted.append(paint(image, where[1:], colour[1:]))
                sizes.append(0)
                sums.append({first: -1.0, first + size: 1.0})
    scores = ask(network, torch.stack(painted))
    margins = torch.cat(
        [scores[:, label : label + 1] - scores[:, :label], scores[:, label : label + 1] - scores[:, label + 1 :]], 1
    )
    parents = torch.where(torch.tensor(sizes) == 0, torch.arange(len(sizes)) - 1, 0)
    where = torch.tensor([position for position, _ in cells])
    change = torch.stack([colour for _, colour in cells]) - image.reshape(-1, channels)[where]
    dense = torch.zeros(len(sums), len(cells), dtype=torch.double)
    for row, parts in enumerate(sums):
        for column, sign in parts.items():
            dense[row, column] = sign
    features = torch.cat([change, change.norm(dim=1, keepdim=True)], 1)
    place = torch.stack([where // width, where % width], 1).double()
    return Answers(dense, features, place, torch.tensor(sizes[1:]).double(), (margins[parents] - margins)[1:])


def paint(image: Tensor, where: Tensor, colour: Tensor) -> Tensor:
    """A copy of the image with these positions (n,) in these colours (n, C)."""
    copy = image.reshape(-1, image.shape[2]).clone()
    copy[where] = colour
    return copy.view_as(image)


class Process(nn.Module):
    """The constants, as logarithms or logits, and the likelihood of answers under them."""

    def __init__(self) -> None:
        super().__init__()
        start = {"reach": 1.5, "sharpness": 0.2, "floor": -3.0, "rim": -0.5, "own": -1.0, "shared": -1.0, "size": 0.0}
        start |= {"alone": -3.0, "crowd": -3.0, "crowding": 0.0, "swap": -2.5}
        self.raw = nn.ParameterDict({k: nn.Parameter(torch.tensor(v, dtype=torch.double)) for k, v in start.items()})

    def constants(self) -> dict[str, Tensor]:
        """By name, each on its own scale; ``shared`` is below ``own``, as for every covariance."""
        values = {name: raw.exp() for name, raw in self.raw.items()}
        values["floor"] = self.raw["floor"].sigmoid()
        values["shared"] = values["own"] * self.raw["shared"].sigmoid()
        return values

    def loss(self, answers: Answers) -> Tensor:
        """Minus the log likelihood for each probe and rival, with the best scale of each rival."""
        c = self.constants()
        direction, size = answers.features[:, :3], answers.features[:, 3:]
        shared = direction.sum(1, keepdim=True)
        weights = (c["own"] - c["shared"]) * direction @ direction.T + c["shared"] * shared @ shared.T
        weights = weights + c["size"] * size @ size.T
        apart = (answers.place[:, None] - answers.place).square().sum(2).add(1e-12).sqrt()
        near = c["floor"] + (1 - c["floor"]) * torch.exp(-((apart / c["reach"]) ** c["sharpness"]))
        spread = wave(answers.place, c["rim"]) / wave(torch.arange(32.0)[:, None], c["rim"]).square().mean()
        several = c["alone"] + c["crowd"] * (answers.sizes - 1).clamp(min=0) ** c["crowding"]
        noise = torch.where(answers.sizes == 0, c["swap"], several)
        pixels = spread[:, None] * spread * near * weights
        factor = torch.linalg.cholesky(answers.sums @ pixels @ answers.sums.T + torch.diag(noise))
        white = torch.linalg.solve_triangular(factor, answers.drops, upper=False)
        return white.square().mean(0).log().mean() / 2 + factor.diagonal().log().mean()


def wave(place: Tensor, power: Tensor) -> Tensor:
    """The factor of the standard deviation towards the rim: a half sine wave to half this power."""
    return torch.sin(math.pi * (place + 0.5) / 32).prod(1) ** (power / 2)


def fit(answers: list[Answers], steps: int, random: torch.Generator) -> str:
    """Climb the likelihood, four images a step; the constants as text."""
    process = Process()
    optimiser = torch.optim.Adam(process.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=steps)
    for _ in range(steps):
        optimiser.zero_grad()
        for k in torch.randperm(len(answers), generator=random)[:4].tolist():
            (process.loss(answers[k]) / 4).backward()
        optimiser.step()
        schedule.step()
    found = {name: float(value.detach()) for name, value in process.constants().items()}
    unit = found["own"] + found["size"]  # only ratios of variances are told by the likelihood
    found |= {name: found[name] / unit for name in ("own", "shared", "size", "alone", "crowd", "swap")}
    return "\n".join(f"{name:10} {value:.3f}" for name, value in found.items())


if __name__ == "__main__":
    main()
