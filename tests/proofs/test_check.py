"""The checker takes what is proved and finds everything that is planted."""

from __future__ import annotations

import ast
import base64
import copy
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pixelproof.data.imageset import UInt8Array
from pixelproof.defences import defend
from pixelproof.models import CallableClassifier
from pixelproof.proofs import check as check_module
from pixelproof.proofs.check import check
from pixelproof.proofs.check_allowance import allowance
from pixelproof.proofs.check_network import Network
from pixelproof.runs.record import Certificate
from proofs_kit import (
    Leaf,
    answer,
    body_of,
    breaks,
    certificate_of,
    classifier_of,
    convolutional,
    every_layer,
    halves,
    proof,
    prove,
    random_image,
)

pytestmark = pytest.mark.slow

SHAPE = (4, 4, 3)


@pytest.fixture(scope="module")
def module() -> nn.Module:
    return convolutional(SHAPE)


@pytest.fixture(scope="module")
def image(module: nn.Module) -> UInt8Array:
    """One that needs boxes of several sizes."""
    images = (random_image(SHAPE, seed) for seed in range(60))
    return next(each for each in images if not _breaks(module, each) and len(prove(module, each)) > 20)


@pytest.fixture(scope="module")
def leaves(module, image) -> list[Leaf]:
    return prove(module, image)


@pytest.fixture(scope="module")
def valid(module, image) -> Certificate:
    return proof(module, image)


def _again(certificate: Certificate, image: UInt8Array, module: nn.Module, label: int | None = None) -> str | None:
    return check(certificate, image, answer(module, image) if label is None else label, classifier_of(module))


def _with_leaves(valid: Certificate, leaves: list[Leaf]) -> Certificate:
    return replace(valid, body=body_of(leaves, valid.body["label"], valid.body["allowance"]))


def test_a_proof_holds(valid, image, module, leaves):
    assert len(leaves) > 16
    assert _again(valid, image, module) is None


def test_leaves_that_overlap_hold(valid, image, module, leaves):
    assert _again(_with_leaves(valid, leaves + leaves[:3]), image, module) is None


@pytest.mark.parametrize("index", [0, 5, -1])
def test_a_missing_box_is_found(valid, image, module, leaves, index):
    place = leaves[index][0]
    del (fewer := list(leaves))[index]
    where = f"row {place // 4}, column {place % 4}"
    assert _again(_with_leaves(valid, fewer), image, module) == f"its boxes leave out colours at {where}"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_gap_of_one_colour_is_found(valid, image, module, leaves, axis, side):
    k = next(k for k, (_, low, high) in enumerate(leaves) if high[axis] > low[axis])
    place, low, high = leaves[k]
    corner = list(low if side == "low" else high)
    corner[axis] += 1 if side == "low" else -1
    cut = [
        *leaves[:k],
        (place, tuple(corner), high) if side == "low" else (place, low, tuple(corner)),
        *leaves[k + 1 :],
    ]
    assert "leave out colours" in _again(_with_leaves(valid, cut), image, module)


def test_boxes_of_the_right_volume_that_leave_a_colour_out_are_found(valid, image, module, leaves):
    """One box twice in place of its neighbour, of the same size."""
    one, other = halves(halves(leaves[0])[0])
    rest = [halves(leaves[0])[1], *leaves[1:]]
    assert _again(_with_leaves(valid, [one, other, *rest]), image, module) is None
    assert "leave out colours" in _again(_with_leaves(valid, [one, one, *rest]), image, module)


def test_a_box_too_large_is_found(valid, image, module, leaves):
    split = {place for place, *_ in leaves if sum(p == place for p, *_ in leaves) > 1}
    place = min(split)
    merged = [(place, (0, 0, 0), (255, 255, 255)), *(leaf for leaf in leaves if leaf[0] != place)]
    why = _again(_with_leaves(valid, merged), image, module)
    assert why is not None
    assert why.startswith(
        f"the margin of the colours [0, 0, 0] to [255, 255, 255] at row {place // 4}, column {place % 4}"
    )


def test_another_image_is_found(valid, image, module):
    label = answer(module, image)
    others = (random_image(SHAPE, seed) for seed in range(200))
    other = next(each for each in others if answer(module, each) == label and _breaks(module, each))
    assert _again(valid, other, module) is not None
    generous = replace(valid, body={**valid.body, "allowance": 1e-4})
    assert "is not above the allowance" in _again(generous, other, module)


def _breaks(module: nn.Module, image: UInt8Array) -> bool:
    try:
        prove(module, image)
    except AssertionError:
        return True
    return False


def test_another_label_is_found(valid, image, module):
    label = answer(module, image)
    assert _again(valid, image, module, (label + 1) % 3) == f"it is about the class {label}, not {(label + 1) % 3}"
    forged = replace(valid, body={**valid.body, "label": (label + 1) % 3})
    assert _again(forged, image, module) == f"it is about the class {(label + 1) % 3}, not {label}"
    assert _again(forged, image, module, (label + 1) % 3) == (
        f"the model answers {label} to the clean image, not {(label + 1) % 3}"
    )


def test_another_network_is_found(valid, image, module):
    label = answer(module, image)
    others = (convolutional(SHAPE, seed=seed) for seed in range(1, 60))
    other = next(each for each in others if answer(each, image) == label and _breaks(each, image))
    assert _again(valid, image, other) is not None


def test_one_weight_that_matters_is_found(valid, image, module):
    changed, label = copy.deepcopy(module), answer(module, image)
    with torch.no_grad():
        changed[4].bias[label] -= 0.1
    assert answer(changed, image) == label
    assert "is not above the allowance" in _again(valid, image, changed)


def test_a_lower_allowance_is_found(valid, image, module):
    needed = allowance(Network(module, image), answer(module, image))
    lower = replace(valid, body={**valid.body, "allowance": 0.9 * needed})
    assert _again(lower, image, module) == f"it allows {0.9 * needed:.3g} for float32, but {needed:.3g} is needed"


def test_a_larger_allowance_is_held_against_it(valid, image, module):
    larger = replace(valid, body={**valid.body, "allowance": 100.0})
    assert "is not above the allowance 100" in _again(larger, image, module)


def test_nothing_proved_is_no_proof(valid, image, module):
    flipped = replace(valid, proved=False, reason="out of seconds")
    assert _again(flipped, image, module) == "it proves nothing"
    assert _again(replace(flipped, proved=True, body={}), image, module) is not None


def _rows(body: dict[str, Any], change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    rows = change(np.frombuffer(zlib.decompress(base64.b64decode(body["leaves"])), "<i2").reshape(-1, 7).copy())
    return {**body, "count": len(rows), "leaves": base64.b64encode(zlib.compress(rows.tobytes())).decode()}


def _set(row: int, column: int, value: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(rows: np.ndarray) -> np.ndarray:
        rows[row, column] = value
        return rows

    return lambda body: _rows(body, change)


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another format": lambda body: {**body, "format": 2},
    "another count": lambda body: {**body, "count": body["count"] + 1},
    "no leaves": lambda body: {key: value for key, value in body.items() if key != "leaves"},
    "leaves of another kind": lambda body: {**body, "leaves": [[]]},
    "no base64": lambda body: {**body, "leaves": "*" + body["leaves"]},
    "cut short": lambda body: {**body, "leaves": body["leaves"][:-8]},
    "half a row": lambda body: {
        **body,
        "leaves": base64.b64encode(zlib.compress(zlib.decompress(base64.b64decode(body["leaves"]))[:-2])).decode(),
    },
    "no box at all": lambda body: _rows(body, lambda rows: rows[:0]),
    "a position before the image": _set(0, 0, -1),
    "a position behind the image": _set(0, 0, 16),
    "a colour below 0": _set(0, 1, -1),
    "a colour above 255": _set(0, 4, 256),
    "a box upside down": _set(0, 4, -1),
    "no allowance": lambda body: {**body, "allowance": None},
    "an allowance that is no number": lambda body: {**body, "allowance": float("nan")},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_body_that_is_not_what_it_should_be(valid, image, module, forged):
    assert isinstance(_again(replace(valid, body=FORGED[forged](valid.body)), image, module), str)


@pytest.mark.parametrize(
    "changes",
    [{"threshold": 2}, {"constraint": "threshold"}, {"constraint": "l2"}, {"method": "sweep"}, {"method": "words"}],
    ids=str,
)
def test_a_claim_of_something_else(valid, image, module, changes):
    assert isinstance(_again(replace(valid, **changes), image, module), str)


def test_bounds_of_what_is_no_plain_module(valid, image, module):
    label = answer(module, image)
    black_box = CallableClassifier(module, kind="logits")
    for classifier in (black_box, defend(classifier_of(module), "bits(8)")):
        assert "bounds are of a torch module" in check(valid, image, label, classifier)


def _decided_by_asking() -> tuple[nn.Module, UInt8Array]:
    """Score 1 has a peak of 1 at the grey level 128, score 0 is 1.00005: the exact margin is below the allowance."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        network[1].weight[:], network[1].bias[:] = torch.tensor([[255e3], [255e3]]), -1e3 * torch.tensor([127.0, 128])
        network[3].weight[:] = torch.tensor([[0.0, 0], [1e-3, -2e-3]])
        network[3].bias[:] = torch.tensor([1.00005, 0])
    return network, np.full((1, 1, 1), 140, np.uint8)


def test_small_boxes_are_decided_by_the_network_itself():
    network, image = _decided_by_asking()
    needed = allowance(Network(network, image), 0)
    body = body_of([(0, (0,), (63,)), (0, (64,), (127,)), (0, (128,), (191,)), (0, (192,), (255,))], 0, needed)
    assert check(certificate_of(body), image, 0, classifier_of(network)) is None
    larger = body_of([(0, (0,), (63,)), (0, (64,), (128,)), (0, (129,), (255,))], 0, needed)
    assert "which is not above" in check(certificate_of(larger), image, 0, classifier_of(network))
    with torch.no_grad():
        network[3].bias[0] = 0.9999
    assert check(certificate_of(body), image, 0, classifier_of(network)) == (
        "the model answers 1 to a colour at row 0, column 0, not 0"
    )


def test_a_threshold_is_bounded_again():
    network, image = every_layer(), random_image((8, 8, 3))
    label = answer(network, image)
    needed = 2 * allowance(Network(network, image), label)
    body: dict[str, Any] = {"format": 1, "label": label, "allowance": needed, "count": 1, "closer": []}
    with torch.no_grad():  # so that there is something to prove
        network.last.bias[label] += 3
    holds = certificate_of(body, constraint="threshold")
    assert _again(holds, image, network) is None
    far = _again(replace(holds, threshold=200), image, network)
    assert far is not None
    assert far.startswith("the margin is bounded by -")
    assert _again(replace(holds, body={**body, "closer": "all"}), image, network) == (
        "it does not say which ReLUs are bounded backwards"
    )


def test_a_sweep_is_asked_again():
    module, image = convolutional((4, 4, 1), gain=0.5), random_image((4, 4, 1))
    label = answer(module, image)
    assert not breaks(module, image)
    body = {"format": 1, "label": label, "count": 4 * 4 * 255}
    holds = certificate_of(body, method="sweep")
    assert _again(holds, image, module) is None
    assert _again(replace(holds, body={**body, "count": 7}), image, module) == (
        "it counts 7 images, but 4080 differ in one pixel"
    )
    assert "one pixel of a grey image" in _again(replace(holds, threshold=2), image, module)


def test_a_sweep_of_a_broken_image_is_found():
    module = convolutional((4, 4, 1), gain=3.0)
    images = (random_image((4, 4, 1), seed) for seed in range(50))
    image = next(each for each in images if breaks(module, each))
    certificate = certificate_of({"format": 1, "label": answer(module, image), "count": 4080}, method="sweep")
    why = _again(certificate, image, module)
    assert why is not None
    assert "to a grey level at row" in why


#: What the checker may import of pixelproof: of its own files, and how a model is asked.
TRUSTED = ("proofs.check_", "data.imageset", "models", "runs.record")


def test_the_checker_shares_no_code_with_what_proves():
    folder = Path(check_module.__file__).parent
    files = sorted(folder.glob("check*.py"))
    assert {"check", "check_allowance", "check_bounds", "check_network"} <= {file.stem for file in files}
    for file in files:
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        assert not any(
            name.name.startswith("pixelproof") for n in nodes if isinstance(n, ast.Import) for name in n.names
        )
        ours = [n.module for n in nodes if isinstance(n, ast.ImportFrom) and str(n.module).startswith("pixelproof")]
        assert all(str(name).removeprefix("pixelproof.").startswith(TRUSTED) for name in ours), ours
