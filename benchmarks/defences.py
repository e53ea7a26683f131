"""Section `defences`: total variance minimisation and CLEVER beside ART's, by processor time in one process."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import networks
from benchmarks.judged import at_least
from benchmarks.missing import optional
from benchmarks.options import Options, Parts, Row
from benchmarks.pictures import correct
from pixelproof.defences import parse_defence
from pixelproof.jobs.clever import clever
from pixelproof.models import TorchClassifier

#: Of a CLEVER score: L2 radius in [0, 1] units, batches, and points of a batch.
RADIUS, BATCHES, POINTS = 5.0, 10, 100
#: As many iterations as ART's solver takes at most, and ours as it is.
OURS = ("tvm(iterations=10)", "tvm")


def parts(options: Options) -> Parts:
    """One part a defence, one for CLEVER."""
    return {"tvm": partial(_tvm, options), "clever": partial(_clever, options)}


def _timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    begun = time.process_time()
    return work(), time.process_time() - begun


def _tvm(options: Options) -> list[Row]:
    preprocessor = optional("art.defences.preprocessor").TotalVarMin()
    module = networks.load(networks.main_network())
    pictures = correct(module, options.data, 20 if options.small else 100)
    images = torch.from_numpy(pictures.images.copy()).permute(0, 3, 1, 2).float() / 255
    np.random.seed(options.seed)  # noqa: NPY002 – ART draws from it
    theirs, their_seconds = _timed(lambda: torch.from_numpy(preprocessor(images.numpy())[0]))
    rows = []
    for spelling in OURS:
        defence = parse_defence(spelling)
        defence(images[:8])  # the first call chooses kernels
        ours, seconds = _timed(partial(defence, images))
        extras = {
            "images": len(images),
            "milliseconds": round(1000 * seconds / len(images), 3),
            "their_milliseconds": round(1000 * their_seconds / len(images), 3),
            "accuracy": _accuracy(module, ours, pictures.labels),
            "their_accuracy": _accuracy(module, theirs, pictures.labels),
        }
        holds = None if extras["accuracy"] < extras["their_accuracy"] else 10
        claim = f"{spelling}: images a second, ours ÷ ART's, of correctly classified ones at no less accuracy"
        rows.append(at_least(claim, their_seconds / seconds, "×", holds, **extras))
    return rows


def _accuracy(module: nn.Module, images: Tensor, labels: np.ndarray) -> float:
    scores = TorchClassifier(module, kind="logits").scores(images.float())
    return round(float((scores.argmax(1) == torch.from_numpy(labels.copy())).float().mean()), 3)


def _clever(options: Options) -> list[Row]:
    metrics, estimators = optional("art.metrics"), optional("art.estimators.classification")
    module = networks.load(networks.main_network())
    pictures = correct(module, options.data, 1)
    image = torch.from_numpy(pictures.images.copy()).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(pictures.labels.copy())
    target = int((labels[0] + 1) % 10)
    wrapped = estimators.PyTorchClassifier(
        module, loss=nn.CrossEntropyLoss(), input_shape=(3, 32, 32), nb_classes=10, clip_values=(0.0, 1.0)
    )
    classifier = TorchClassifier(module, kind="logits")
    theirs = {
        "untargeted": partial(metrics.clever_u, wrapped, image[0].numpy(), BATCHES, POINTS, RADIUS, 2, verbose=False),
        "targeted": partial(metrics.clever_t, wrapped, image[0].numpy(), target, BATCHES, POINTS, RADIUS, 2),
    }
    rows = []
    for kind, work in theirs.items():
        targets = None if kind == "untargeted" else torch.tensor([target])
        settings = {"norm": "l2", "radius": 255 * RADIUS, "batches": BATCHES, "samples": POINTS, "seed": options.seed}
        begun = time.process_time()
        ours = clever(classifier, image, labels, targets=targets, **settings)[0]  # type: ignore[arg-type]
        seconds = time.process_time() - begun
        begun = time.process_time()
        score = float(work())
        their_seconds = time.process_time() - begun
        extras = {
            "seconds": round(seconds, 2),
            "their_seconds": round(their_seconds, 2),
            "score": None if ours.score is None else round(ours.score, 2),
            "their_score": round(255 * score, 2),
        }
        rows.append(
            at_least(f"CLEVER, {kind}: images a second, ours ÷ ART's", their_seconds / seconds, "×", 3, **extras)
        )
    return rows
