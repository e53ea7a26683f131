"""For maintainers: cut the bundled images out of CIFAR-10's test set again.

    python tools/make_bundled.py CIFAR10_ROOT

Takes the first 100 test images of each class in file order and writes them, losslessly, into
``src/pixelproof/data/bundled``. The SHA-256 in the card is over pixels, labels and class names, so it does
not depend on the WebP encoder's version.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from pixelproof.data import ImageSet, load_cifar10
from pixelproof.data.bundled import CARD, FOLDER, SPRITE, make_sprite

PER_CLASS = 100
COLUMNS = 25
TARGET = Path(__file__).parents[1] / "src" / "pixelproof" / "data" / FOLDER


def main() -> None:
    """Read CIFAR-10 from the folder named on the command line and write sprite and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder that holds cifar-10-batches-bin")
    parser.add_argument("--out", type=Path, default=TARGET, help=f"where to write (default {TARGET})")
    arguments = parser.parse_args()
    subset = cut(load_cifar10(arguments.root, "test", allow_download=False))
    write(subset, arguments.out)
    print(f"{len(subset)} images, {(arguments.out / SPRITE).stat().st_size} bytes, sha256 {subset.content_hash}")


def cut(test: ImageSet) -> ImageSet:
    """The first ``PER_CLASS`` images of each class of ``test``, in file order."""
    firsts = [np.flatnonzero(test.labels == label)[:PER_CLASS] for label in range(test.classes)]
    return test.take(np.sort(np.concatenate(firsts)))


def write(subset: ImageSet, out: Path) -> None:
    """Write the sprite and its card into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    sprite = Image.fromarray(make_sprite(subset.images, COLUMNS))
    sprite.save(out / SPRITE, lossless=True, quality=100, method=6, exact=True)
    card = {
        "name": "cifar10-test-1000",
        "source": "The first 100 images of each class of the CIFAR-10 test set, in file order. "
        "CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, "
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "size": subset.shape[0],
        "sha256": subset.content_hash,
        "class_names": list(subset.class_names),
        "labels": subset.labels.tolist(),
        "indices": subset.indices.tolist(),
    }
    (out / CARD).write_text(json.dumps(card) + "\n", "utf-8")


if __name__ == "__main__":
    main()
