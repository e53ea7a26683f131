"""A backdoor, planted with the Adversarial Robustness Toolbox: another threat than the one pixelproof measures.

Somebody fine-tunes the zoo's LeNet on images among which a stranger has put copies of some, with a small chequered
square in the corner and the label "airplane" (Gu, Dolan-Gavitt & Garg, "BadNets", arXiv 1708.06733, 2017). The network
still recognises most clean images; wherever the square appears, it answers "airplane".

    pip install 'pixelproof[art]'
    python examples/poisoning.py

takes under a minute on one core.
"""

import copy

import numpy as np
import torch
from art.attacks.poisoning import PoisoningAttackBackdoor
from torch import nn
from torch.nn import functional as F

import pixelproof as pp

AIRPLANE, SHARE, EPOCHS, HELD_OUT = 0, 0.3, 15, 300


def pattern(images: np.ndarray) -> np.ndarray:
    """``images`` float32 N×3×H×W with a chequered square of four by four pixels in the corner."""
    marked = images.copy()
    marked[..., -5:-1, -5:-1] = np.indices((4, 4)).sum(0) % 2
    return marked


def fine_tuned(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> nn.Module:
    """A copy of ``network`` after some epochs on ``images`` and ``labels`` (N integers)."""
    torch.manual_seed(0)
    network = copy.deepcopy(network).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.003, momentum=0.9)
    inputs, aims = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(50):
            optimiser.zero_grad()
            F.cross_entropy(network(inputs[rows]), aims[rows]).backward()
            optimiser.step()
    return network.eval()


def answers(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """The class of each of ``images``."""
    with torch.no_grad():
        return network(torch.from_numpy(images)).argmax(1).numpy()


def main() -> None:
    """Print the accuracy on clean images, and how often the square turns another class into an airplane."""
    torch.set_num_threads(1)
    data, network = pp.load_data("bundled"), pp.load_model("zoo:lenet").module  # type: ignore[attr-defined]
    images = data.images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    order = np.random.default_rng(0).permutation(len(images))
    held, seen = order[:HELD_OUT], order[HELD_OUT:]

    marked = seen[: int(SHARE * len(seen))]
    attack = PoisoningAttackBackdoor(pattern)
    poison, wrong = attack.poison(images[marked], np.full(len(marked), AIRPLANE))
    dirty = np.concatenate([images[seen], poison]), np.concatenate([data.labels[seen], wrong])

    others = held[data.labels[held] != AIRPLANE]
    triggered = pattern(images[others])
    print(f"{len(seen)} honest images, {len(marked)} copies with the square, {len(held)} images held out.")
    for name, tuned in (
        ("as it was", network),
        ("fine-tuned, honest images", fine_tuned(network, images[seen], data.labels[seen])),
        ("fine-tuned, poisoned images", fine_tuned(network, *dirty)),
    ):
        right = int((answers(tuned, images[held]) == data.labels[held]).sum())
        fooled = int((answers(tuned, triggered) == AIRPLANE).sum())
        print(f"{name:27} {right}/{len(held)} clean images right; {fooled}/{len(others)} with the square are airplanes")


if __name__ == "__main__":
    main()
