"""A published protocol: the MNIST network of "Fast is better than free", adversarially trained for L∞ 0.3.

Wong, Rice & Kolter (ICLR 2020) publish the checkpoint in locuslab/fast_adversarial, trained with FGSM from a random
start. Known of it, on the 10,000 test images: 98.50 % right on clean images, 88.77 % under PGD with 50 steps and 10
restarts, 82.93 % under AutoAttack. This measures the same three numbers:

    PIXELPROOF_MNIST_CHECKPOINT=fgsm.pth python examples/mnist_checkpoint.py --data MNIST_DIR

MNIST_DIR holds the official idx files. It takes an hour and more, shows how far it is, and keeps what is through in
mnist_checkpoint.json, from where it goes on when it is started again. The command line does the same for as many
correctly classified samples as are asked for; its report tells the clean accuracy too:

    PIXELPROOF_MNIST_CHECKPOINT=fgsm.pth pixelproof assess --model examples/mnist_checkpoint.py:load --trust-code \\
        --data idx:MNIST_DIR --samples 1000 --out run \\
        --attacks "pgd(epsilon=76.5,step=2.55,iterations=50,restarts=10),autoattack(epsilon=76.5)"

0.3 is 76.5 grey levels. The published protocol lets images be floats, and so does this script. The command line does
not: what fools must be an 8-bit image there, so no value moves by more than 76 levels, 0.298, and a little more stands.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import pixelproof as pp
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import parse_attack
from pixelproof.attacks.oracle import Oracle
from pixelproof.files import write_whole
from pixelproof.jobs.progress import job_progress
from pixelproof.models import TorchClassifier
from pixelproof.runs.progress import Pace, Progress
from pixelproof.seeds import Streams

EPSILON = 0.3 * 255
PGD = f"pgd(epsilon={EPSILON},step={0.01 * 255},iterations=50,restarts=10)"
AUTOATTACK = f"autoattack(epsilon={EPSILON})"
BATCH = 250
CPU = torch.device("cpu")
#: Per cent of the test images right: clean, and under each attack.
PUBLISHED = {"clean": 98.50, "pgd": 88.77, "autoattack": 82.93}


def network() -> nn.Sequential:
    """Two convolutions and two linear layers for 28×28 grey images in [0, 1], which are not normalised."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def load() -> nn.Module:
    """The network with the weights of the file that the environment variable PIXELPROOF_MNIST_CHECKPOINT names."""
    loaded = network()
    loaded.load_state_dict(pp.load_weights(Path(os.environ["PIXELPROOF_MNIST_CHECKPOINT"])))
    return loaded.eval()


def measure(folder: str, images: int = 10_000, kept: Path | None = None) -> dict[str, float]:
    """Per cent of the first ``images`` test images in ``folder`` right: clean, and under each attack by itself.

    What each batch came to is kept in the file ``kept``, from where it goes on when called again. Raises ``RunError``
    where that file is of other weights, images or attacks.
    """
    classifier = TorchClassifier(load(), kind="logits")
    data = pp.load_data(f"idx:{folder}").take(slice(0, images))
    pixels = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data.labels.copy())
    right = Oracle(classifier, BATCH, CPU, len(data)).labels(pixels, torch.arange(len(data))) == labels
    batches = torch.split(right.nonzero().flatten(), BATCH)
    ledger = Ledger(kept, [classifier.fingerprint, data.content_hash, PGD, AUTOATTACK])
    shares = {"clean": float(right.float().mean())}
    for name, spec in (("pgd", PGD), ("autoattack", AUTOATTACK)):
        with job_progress(name) as listener:
            begun, before = time.perf_counter(), len(ledger.stood(name))
            pace = Pace(before)
            for done, rows in enumerate(batches[before:], before + 1):
                ledger.add(name, _stood(classifier, spec, pixels[rows], labels[rows], int(rows[0])))
                seconds = time.perf_counter() - begun
                note = f"{sum(ledger.stood(name))} of {sum(map(len, batches[:done]))} stand"
                lately = pace.lately(seconds, done)
                listener(Progress(name, done, len(batches), before, 0, seconds, note, *lately))
        shares[name] = sum(ledger.stood(name)) / len(data)
    return {name: 100 * share for name, share in shares.items()}


class Ledger:
    """How many images of each batch stood against each attack, kept in ``file`` after every batch."""

    def __init__(self, file: Path | None, of: list[str]) -> None:
        self._file = file
        self._kept: dict[str, Any] = {"of": of, "stood": {}}
        if file is not None and file.exists():
            self._kept = json.loads(file.read_text("utf-8"))
            if self._kept["of"] != of:
                raise pp.RunError(f"{file} is of other weights, images or attacks; name another with --keep.")

    def stood(self, attack: str) -> list[int]:
        """Of every batch that is through with ``attack``, in order."""
        found: list[int] = self._kept["stood"].get(attack, [])
        return found

    def add(self, attack: str, stood: int) -> None:
        """Note the next batch."""
        self._kept["stood"][attack] = [*self.stood(attack), stood]
        if self._file is not None:
            write_whole(self._file, json.dumps(self._kept))


def _stood(classifier: TorchClassifier, spec: str, images: torch.Tensor, labels: torch.Tensor, seed: int) -> int:
    """How many of ``images``, float32 N×1×28×28 in [0, 1], are still right after the attack, as floats."""
    oracle = Oracle(classifier, BATCH, CPU, len(images), eight_bit=False)
    streams = Streams([torch.Generator().manual_seed(seed + k) for k in range(len(images))], CPU)
    found = parse_attack(spec)(oracle, images, Goal(labels), streams).detach()
    assert float((found - images).abs().max()) <= 0.3 + 1e-6
    answers = Oracle(classifier, BATCH, CPU, len(images), eight_bit=False).labels(found, torch.arange(len(images)))
    return int((answers == labels).sum())


def main() -> None:
    """Print what is measured beside what is published."""
    parser = argparse.ArgumentParser(description="Measure an adversarially trained MNIST network.")
    parser.add_argument("--data", required=True, help="folder of MNIST's idx files")
    parser.add_argument("--images", type=int, default=10_000, help="how many of the first test images")
    parser.add_argument(
        "--keep", type=Path, default=Path("mnist_checkpoint.json"), help="file of what is through; goes on from there"
    )
    arguments = parser.parse_args()
    found = measure(arguments.data, arguments.images, arguments.keep)
    for name, published in PUBLISHED.items():
        print(f"{name}: {found[name]:.2f} % right (published: {published:.2f} %)")


if __name__ == "__main__":
    main()
