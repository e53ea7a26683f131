"""What the shell completes: names, written down here so that Tab does not wait for torch."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

from pixelproof.plugins import Kind, plugins

ZOO = [
    "all-cnn",
    "capsnet",
    "densenet-bc-58-12",
    "densenet-bc-100-12",
    "lenet",
    "nin",
    "preact-resnet18",
    "preact-resnet18-pgd",
    "preact-resnet20",
    "resnet20",
    "resnet20-distilled",
    "resnet20-fast",
    "resnet20-label-smoothing",
    "resnet20-mnist",
    "resnet20-noise",
    "resnet20-pentomino",
    "resnet20-pgd",
    "resnet32",
    "resnet56",
    "strided-cnn",
    "wide-resnet-16-4",
    "wide-resnet-16-8",
]
MODELS = (
    *(f"zoo:{name}" for name in ZOO),
    *["onnx:", "timm:", "torchvision:", "hf:", "keras:", "sklearn:", "maite:", "http://", "https://", "command:"],
)
DATA = ["bundled", "cifar10:", "idx:", "pentomino:", "npz:", "folder:", "csv:", "webdataset:", "hf:"]
ATTACKS = [
    "few-pixel",
    "threshold",
    "fgsm",
    "bim",
    "pgd",
    "apgd",
    "fab",
    "deepfool",
    "newtonfool",
    "cw-l2",
    "cw-linf",
    "virtual-adversarial",
    "jsma",
    "elastic-net",
    "sigma-zero",
    "sparse-pgd",
    "universal",
    "shadow",
    "spatial",
    "rotation-translation",
    "square",
    "nes",
    "zoo",
    "boundary",
    "hop-skip-jump",
    "label-regression",
    "label-pixels",
    "surrogate-regression",
    "autoattack",
    "worst",
    "art:",
    "foolbox:",
    "torchattacks:",
    "adv:",
]
SEARCHES = [
    "gradient-regression",
    "square",
    "textures",
    "pixel-process",
    "segments",
    "sparse-random",
    "sparse-rs",
    "brusle",
    "de",
    "cma-es",
    "sep-cma-es",
]
DEFENCES = [
    "masks",
    "bits",
    "median",
    "smooth",
    "jpeg",
    "tvm",
    "noise",
    "thermometer",
    "round",
    "high-confidence",
    "reverse-sigmoid",
    "output-noise",
]
CORRUPTIONS = [
    "rotation",
    "logit-brightness",
    "logit-contrast",
    "rgb-randomise",
    "jitter",
    "gaussian-noise",
    "shot-noise",
    "impulse-noise",
    "defocus-blur",
    "glass-blur",
    "motion-blur",
    "zoom-blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic-transform",
    "pixelate",
    "jpeg-compression",
    "speckle-noise",
    "gaussian-blur",
    "spatter",
    "saturate",
]


def one_of(*names: str, kind: Kind | None = None, between: str = "") -> Callable[[str], list[str]]:
    """What completes one of ``names`` or of the plug-ins of ``kind``; of several, which ``between`` parts, the last."""

    def complete(incomplete: str) -> list[str]:
        before, sign, last = incomplete.rpartition(between) if between else ("", "", incomplete)
        known = (*names, *(each.name for each in plugins(kind))) if kind else names
        return [f"{before}{sign}{name}" for name in known if name.startswith(last)]

    return complete


@contextmanager
def words_with_colons() -> Iterator[None]:
    """Meanwhile bash, where it asks, asks about whole words: by itself it takes zoo:lenet for three.

    It replaces what follows the last colon alone, so that is what it is told. Without bash nothing is done.
    """
    if os.environ.get("_PIXELPROOF_COMPLETE") != "complete_bash":
        yield
        return
    words, before = _joined(os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    told = io.StringIO()
    try:
        with redirect_stdout(told):
            yield
    finally:
        for line in told.getvalue().splitlines():
            print(line.removeprefix(before))


def _joined(words: Sequence[str], place: int) -> tuple[list[str], str]:
    """The words up to that at ``place``, parted at no colon; and of the last what stood before bash's part of it."""
    found: list[str] = []
    for word in words[: place + 1]:
        if found and (word == ":" or (found[-1].endswith(":") and not word.startswith("-"))):
            found[-1] += word
        else:
            found.append(word)
    own = words[place] if place < len(words) else ""
    return found, found[-1].removesuffix("" if own == ":" else own)
