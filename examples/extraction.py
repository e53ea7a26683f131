"""A network copied through its answers, with the Adversarial Robustness Toolbox: another threat than pixelproof's.

A stranger who may only ask trains an own network on what the zoo's LeNet answers (Correia-Silva et al., "Copycat CNN",
2018), and then attacks the copy, whose gradients are at hand, in place of the original.

    pip install 'pixelproof[art]'
    python examples/extraction.py

takes under a minute on one core.
"""

import numpy as np
import torch
from art.attacks.extraction import CopycatCNN
from art.estimators.classification import PyTorchClassifier
from torch import Tensor, nn

import pixelproof as pp
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.gradient.fgsm import FGSM
from pixelproof.attacks.oracle import Oracle
from pixelproof.models import TorchClassifier
from pixelproof.seeds import Streams
from pixelproof.zoo.lenet import LeNet

HELD_OUT, EPOCHS, EPSILON = 300, 10, 8
CPU = torch.device("cpu")


def estimator(network: nn.Module) -> PyTorchClassifier:
    """``network`` as the toolbox wants it."""
    return PyTorchClassifier(
        network,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(network.parameters(), lr=0.002, weight_decay=1e-3),
        input_shape=(3, 32, 32),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def stolen(victim: nn.Module, images: np.ndarray) -> nn.Module:
    """A new LeNet that has learned the answers of ``victim`` on ``images``."""
    attack = CopycatCNN(
        estimator(victim), batch_size_fit=64, batch_size_query=256, nb_epochs=EPOCHS, nb_stolen=len(images)
    )
    copied = LeNet()
    attack.extract(images, thieved_classifier=estimator(copied))
    return copied.eval()


def variants(images: np.ndarray) -> np.ndarray:
    """``images`` N×3×32×32, their mirror images, and all these moved by three pixels: 18 N images to ask about."""
    both = np.concatenate([images, images[..., ::-1]])
    return np.concatenate([np.roll(both, (down, right), (2, 3)) for down in (-3, 0, 3) for right in (-3, 0, 3)])


def fgsm(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """``images`` after one step against ``network``."""
    oracle = Oracle(TorchClassifier(network, kind="logits"), 256, CPU, len(images))
    attack, streams = FGSM(epsilon=EPSILON), Streams([torch.Generator() for _ in images], CPU)
    return attack.ball.to_8_bit(attack(oracle, images, Goal(labels), streams), images)


def main() -> None:
    """Print how far the copy agrees with the original, and how often images made on the copy fool the original."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the toolbox draws from it
    data, victim = pp.load_data("bundled"), pp.load_model("zoo:lenet").module.eval()  # type: ignore[attr-defined]
    images = torch.from_numpy(data.images.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    order = torch.randperm(len(images))
    held, asked = images[order[:HELD_OUT]], variants(images[order[HELD_OUT:]].numpy())

    copied = stolen(victim, asked)
    with torch.no_grad():
        answers, echoed = victim(held).argmax(1), copied(held).argmax(1)
    agree = int((answers == echoed).sum())
    print(f"The copy, made from {len(asked)} answers, agrees on {agree}/{len(held)} images that it never saw.")
    for name, network in (("the copy", copied), ("the original", victim), ("a new network", LeNet().eval())):
        with torch.no_grad():
            fooled = int((victim(fgsm(network, held, answers)).argmax(1) != answers).sum())
        print(f"FGSM of {EPSILON} grey levels on {name}: {fooled}/{len(held)} images change the original's answer.")


if __name__ == "__main__":
    main()
