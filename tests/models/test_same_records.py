"""One network's weights as a module, .pt2, TorchScript, ONNX, behind a server and in a program: the same records.

What differs is float noise: each computes in an order of its own. A search that ranks scores (DE) takes the same steps,
and margins differ by ``NOISE`` at most. One that fits a model to them (auto) may take others once the last bits differ;
of 48 records 8 differed at most, and 3 in whether the image is broken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pixelproof as pp
from model_files import KINDS, images, network, write
from model_server import serving
from pixelproof.models import load_model

pytestmark = pytest.mark.slow

#: Of margins, in logits of about 10, and of confidences.
NOISE = 1e-5
LABELS = network()(images(12, seed=3)).argmax(1).numpy()
PIXELS = (images(12, seed=3) * 255).round().byte().permute(0, 2, 3, 1).numpy()
PROGRAM = """
import sys
import numpy as np
from PIL import Image
weights = np.load({weights!r})
x = np.stack([np.asarray(Image.open(file)) for file in sys.argv[1:]]).astype(np.float32) / 255
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]
conv = np.einsum("nijcab,ocab->noij", windows, weights["conv.weight"]) + weights["conv.bias"][:, None, None]
for row in np.maximum(conv, 0).reshape(len(x), -1) @ weights["head.weight"].T + weights["head.bias"]:
    print(*row)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """By kind, what is to be typed for the one network."""
    for package in ("onnxruntime", "onnxscript", "httpx", "stamina"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("networks")
    weights, program = folder / "weights.npz", folder / "classify.py"
    np.savez(weights, **{name: each.numpy() for name, each in network().state_dict().items()})
    program.write_text(PROGRAM.format(weights=str(weights)))
    with serving(network()) as served:
        files = {kind: write(kind, folder, network()) for kind in KINDS}
        yield {**files, "http": served.url, "command": f"command:{sys.executable} {program}"}


def records(model: object, search: str) -> tuple[list[Any], np.ndarray]:
    """All that is exact of a small assessment, and its margins and confidences."""
    limits: dict[str, Any] = {"levels": (1, 10), "search": search, "max_queries": 80}
    found = pp.assess(model, PIXELS, LABELS, **limits).run.records()
    exact = [replace(each, margin=0.0, confidence=0.0, clean_confidence=0.0, seconds=0.0) for each in found]
    return exact, np.array([(each.margin, each.confidence, each.clean_confidence) for each in found])


@pytest.fixture(scope="module", params=["de", "auto"])
def expected(request: pytest.FixtureRequest) -> tuple[str, list[Any], np.ndarray]:
    return request.param, *records(network(), request.param)


@pytest.mark.parametrize("kind", [*KINDS, "http", "command"])
def test_the_same_network_gives_the_same_records(models: dict[str, str], kind: str, expected: Any) -> None:
    search, exact, near = expected
    found, close = records(load_model(models[kind], trust_code=True), search)
    if search == "de" or kind == "torchscript":  # which is asked in the same layout of memory; .pt2 is not
        assert found == exact
        assert np.abs(near - close).max() <= NOISE
    else:
        pairs = list(zip(found, exact, strict=True))
        assert sum(one != other for one, other in pairs) <= len(pairs) / 6
        assert sum(one.success != other.success for one, other in pairs) <= len(pairs) / 16
