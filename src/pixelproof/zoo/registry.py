"""The networks by name: how each is built, trained, and where its weights lie."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file
from torch import nn

from pixelproof.errors import ModelError
from pixelproof.wording import meant
from pixelproof.zoo import (
    all_cnn,
    capsnet,
    densenet,
    lenet,
    network_in_network,
    preact_resnet,
    resnet,
    strided_cnn,
    wide_resnet,
)
from pixelproof.zoo.recipe import Recipe


@dataclass(frozen=True)
class Entry:
    """A network of the zoo: ``build(classes)`` gives it untrained.

    ``adversary`` names what perturbs every batch in adversarial training, as it comes from
    ``pixelproof.defences.adversarial_training``: ``fast`` or ``pgd``, with ε = 8/255. ``remark`` stands on the card:
    why the accuracy is not what a paper reports. ``shape`` is the height, width and channels of the images it learns
    from, ``data`` the options of ``pixelproof train`` that name them.
    """

    build: Callable[[int], nn.Module]
    recipe: Recipe
    adversary: Literal["fast", "pgd"] | None = None
    remark: str = ""
    shape: tuple[int, int, int] = (32, 32, 3)
    data: str = "--data cifar10:ROOT"


_SHORT = "It learnt for 16 epochs, two hours of one core; networks of the papers learn for some hundred."
#: Madry et al. (2018, section 4) find the same: hardening takes capacity.
_SMALL = (
    "The hardened networks of the papers have over a hundred times as many weights; so small a one pays for it here."
)

#: Digits and pentominoes are others when mirrored.
_GREY_RECIPE = replace(resnet.RECIPE, epochs=4, padding=2, flip=False)

ZOO: dict[str, Entry] = {
    "all-cnn": Entry(lambda classes: all_cnn.AllCNN(classes), all_cnn.RECIPE, remark=_SHORT),
    "capsnet": Entry(
        lambda classes: capsnet.CapsNet(classes),
        replace(capsnet.RECIPE, epochs=10),
        remark="It learnt for 10 epochs, two and a half hours of one core.",
    ),
    "densenet-bc-58-12": Entry(
        lambda classes: densenet.DenseNet(58, 12, classes),
        replace(densenet.RECIPE, epochs=10),
        remark="58 layers for 100, and 10 epochs, two and a half hours of one core; the paper's learns for 300.",
    ),
    "densenet-bc-100-12": Entry(lambda classes: densenet.DenseNet(100, 12, classes), densenet.RECIPE),
    "lenet": Entry(lambda classes: lenet.LeNet(classes), lenet.RECIPE),
    "nin": Entry(
        lambda classes: network_in_network.NetworkInNetwork(classes), network_in_network.RECIPE, remark=_SHORT
    ),
    "preact-resnet20": Entry(
        lambda classes: preact_resnet.PreactResNet(classes, stem=16, widths=(16, 32, 64), units=3),
        replace(preact_resnet.RECIPE, epochs=10),
        remark="It learnt for 10 epochs, an hour of one core; networks of the papers learn for some hundred.",
    ),
    "preact-resnet18": Entry(
        lambda classes: preact_resnet.PreactResNet(classes),
        replace(preact_resnet.RECIPE, epochs=12, label_smoothing=0.1),
        remark="It learnt for 12 epochs, three hours of one core; networks of the papers learn for some hundred.",
    ),
    "preact-resnet18-pgd": Entry(lambda classes: preact_resnet.PreactResNet(classes), preact_resnet.RECIPE, "pgd"),
    "resnet20": Entry(lambda classes: resnet.CifarResNet(20, classes), resnet.RECIPE),
    "resnet20-distilled": Entry(
        lambda classes: resnet.CifarResNet(20, classes), replace(resnet.RECIPE, temperature=20.0)
    ),
    "resnet20-fast": Entry(
        lambda classes: resnet.CifarResNet(20, classes), replace(resnet.RECIPE, epochs=20), "fast", _SMALL
    ),
    "resnet20-label-smoothing": Entry(
        lambda classes: resnet.CifarResNet(20, classes), replace(resnet.RECIPE, label_smoothing=0.1)
    ),
    "resnet20-mnist": Entry(
        lambda classes: resnet.CifarResNet(20, classes), _GREY_RECIPE, shape=(28, 28, 1), data="--data idx:DIR"
    ),
    "resnet20-noise": Entry(lambda classes: resnet.CifarResNet(20, classes), replace(resnet.RECIPE, noise=12.75)),
    "resnet20-pentomino": Entry(
        lambda classes: resnet.CifarResNet(20, classes),
        # No crops: they would cut shapes at the border off.
        replace(_GREY_RECIPE, epochs=2, padding=0, optimiser="adam", max_learning_rate=0.003, weight_decay=0.0),
        shape=(32, 32, 1),
        data="--data pentomino:200000 --test-data pentomino:5000,seed=1",
    ),
    "resnet20-pgd": Entry(
        lambda classes: resnet.CifarResNet(20, classes), replace(resnet.RECIPE, epochs=20), "pgd", _SMALL
    ),
    "resnet32": Entry(lambda classes: resnet.CifarResNet(32, classes), resnet.RECIPE),
    "resnet56": Entry(lambda classes: resnet.CifarResNet(56, classes), resnet.RECIPE),
    "strided-cnn": Entry(lambda classes: strided_cnn.StridedCNN(classes), strided_cnn.RECIPE),
    "wide-resnet-16-4": Entry(
        lambda classes: wide_resnet.WideResNet(16, 4, classes),
        replace(wide_resnet.RECIPE, epochs=10),
        remark="It learnt for 10 epochs, two hours of one core; the paper's learn for 200.",
    ),
    "wide-resnet-16-8": Entry(lambda classes: wide_resnet.WideResNet(16, 8, classes), wide_resnet.RECIPE),
}


def entry(name: str) -> Entry:
    """The entry called ``name``. Raises ``ModelError`` naming what there is."""
    if name not in ZOO:
        raise ModelError(f"The zoo has no network {name!r}{meant(name, ZOO)}; it has {', '.join(sorted(ZOO))}.")
    return ZOO[name]


def weights_file(name: str) -> Path:
    """Where the bundled weights of ``name`` lie."""
    return Path(str(files("pixelproof.zoo").joinpath("weights", f"{name}.safetensors")))


def card(name: str) -> dict[str, Any]:
    """The JSON card beside the weights of ``name``: data, recipe, seed and accuracy."""
    entry(name)
    content: dict[str, Any] = json.loads(weights_file(name).with_suffix(".json").read_text("utf-8"))
    return content


def load(name: str) -> nn.Module:
    """The trained network ``name`` in evaluation mode. Raises ``ModelError`` when unknown or without weights."""
    network = entry(name).build(10)
    path = weights_file(name)
    if not path.exists():
        raise ModelError(
            f"The zoo's {name} has no bundled weights; train it: pixelproof train {name} {entry(name).data} --out DIR."
        )
    network.load_state_dict(load_file(path))  # copies into the network's own float32, also from float16
    return network.eval()


def absence(model: str, label: str) -> str | None:
    """Why the line ``label`` of ``model`` is left out, in a sentence with the remedy; None where nothing is missing.

    Raises ``InputError`` when the zoo has no such network.
    """
    kind, _, name = model.partition(":")
    if kind != "zoo":
        return None
    entry(name)
    if weights_file(name).exists():
        return None
    which = "it" if label == name else name
    return (
        f"{label} is left out, as {which} has no weights here; train it: "
        f"pixelproof train {name} {entry(name).data} --out DIR."
    )
