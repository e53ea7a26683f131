"""Models that answer with a class number, or with one logit or probability, an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pixelproof as pp
from model_files import CLASSES, images, network, write
from model_server import serving
from pixelproof.errors import InputError, ModelError
from pixelproof.models import TorchClassifier, load_model, settle_classes, wrap_model
from pixelproof.models.sent import rows_of
from tiny_run import Cli

BATCH = images(12, seed=3)
PIXELS = (BATCH * 255).round().byte().permute(0, 2, 3, 1).numpy()
CLASS = network()(BATCH).argmax(1)
FEW: dict[str, Any] = {"levels": (1, 10), "search": "de", "attacks": "threshold", "max_queries": 60}


class Logit(nn.Module):
    """How much more ``network`` gives to class 1 than to class 0, N×1."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, x: Tensor) -> Tensor:
        scores = self.network(x)
        return scores[:, 1:2] - scores[:, :1]


class Both(Logit):
    """The same as scores of two classes."""

    def forward(self, x: Tensor) -> Tensor:
        logit = super().forward(x)
        return torch.cat([torch.zeros_like(logit), logit], 1)


class Class(nn.Module):
    """The class of ``network`` and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).argmax(1)


class Yes(Logit):
    """Whether class 1 is likelier than class 0, as truth values."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0] > 0


def answer(x: Tensor) -> Tensor:
    return network()(x).argmax(1)


def binary(x: Tensor) -> Tensor:
    return Logit()(x).sigmoid()[:, 0]


def exact(result: pp.Result) -> list[object]:
    return [replace(each, seconds=0.0) for each in result.run.records()]


@pytest.mark.parametrize(
    "convert",
    [Tensor.short, Tensor.numpy, Tensor.tolist, lambda t: t[:, None], lambda t: list(t.numpy())],
    ids=["tensor", "array", "list", "one column", "list of numbers of NumPy"],
)
def test_class_numbers(convert: Any) -> None:
    model = wrap_model(lambda x: convert(answer(x)))
    with pytest.raises(ModelError, match=r"answers with class numbers alone; .* add classes=K"):
        model.scores(BATCH)
    settle_classes(model, CLASSES)
    assert torch.equal(model.scores(BATCH), torch.eye(CLASSES)[CLASS])


def test_yes_and_no_are_class_numbers() -> None:
    model = TorchClassifier(Yes())
    settle_classes(model, 2)
    assert torch.equal(model.scores(BATCH).argmax(1), Both()(BATCH).argmax(1))


def test_floats_are_class_numbers_where_that_is_said() -> None:
    model = wrap_model(lambda x: answer(x).float(), kind="labels")
    settle_classes(model, CLASSES)
    assert torch.equal(model.scores(BATCH).argmax(1), CLASS)


@pytest.mark.parametrize(("function", "kind"), [(lambda x: Logit()(x), "logits"), (binary, "probabilities")])
def test_one_logit_or_probability(function: Any, kind: str) -> None:
    scores = wrap_model(function).scores(BATCH)
    found = scores.softmax(1) if kind == "logits" else scores
    assert torch.allclose(found[:, 1], Logit()(BATCH)[:, 0].sigmoid(), atol=1e-6)
    assert torch.allclose(found.sum(1), torch.ones(len(BATCH)))


def test_one_logit_is_assessed_as_two_scores() -> None:
    labels = Both()(BATCH).argmax(1).numpy()
    assert len(set(labels)) == 2
    expected = exact(pp.assess(Both(), PIXELS, labels, **{**FEW, "attacks": ("threshold", "pgd")}))
    assert exact(pp.assess(Logit(), PIXELS, labels, **{**FEW, "attacks": ("threshold", "pgd")})) == expected
    likely = pp.assess(binary, PIXELS, labels, **FEW)
    assert likely.run.manifest.model.kind == "probabilities"


def test_what_the_first_answer_was_taken_for_holds_for_all() -> None:
    """Also where a later one cannot be that, which is said."""
    answers = iter([torch.tensor([0.1, 0.9]), torch.tensor([0.1, 1.5])])
    model = wrap_model(lambda _: next(answers), name="m")
    assert torch.allclose(model.scores(BATCH[:2]), torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    with pytest.raises(ModelError, match=r"m answered 1.5, but its first .* probabilities of class 1; .* kind=logits"):
        model.scores(BATCH[:2])
    numbers = iter([torch.tensor([1, 0]), torch.tensor([0.5, 1.0])])
    model = wrap_model(lambda _: next(numbers), name="m")
    settle_classes(model, 2)
    model.scores(BATCH[:2])
    with pytest.raises(ModelError, match=r"answered 0.5, but .* class numbers; .* say kind=probabilities"):
        model.scores(BATCH[:2])


def test_labels_alone_are_assessed_and_what_they_cannot_tell_is_said() -> None:
    attacks = ("threshold", "boundary(queries=60)")
    result = pp.assess(answer, PIXELS, CLASS.numpy(), **{**FEW, "attacks": attacks, "samples": 4})
    assert result.run.manifest.model.kind == "labels"
    (finding,) = (each for each in result.run.manifest.findings if each.name == "labels-only")
    assert "attacks label-regression and boundary, which need labels alone" in finding.message
    assert any(record.success for record in result.run.records() if record.method == "boundary")
    with pytest.raises(InputError, match=r"square.* needs scores, but the model answer answers with labels alone; use"):
        pp.assess(answer, PIXELS, CLASS.numpy(), attacks="square")
    with pytest.raises(InputError, match=r"gives no gradients; use an attack on labels \(label-regression, boundary\)"):
        pp.assess(Class(), PIXELS, CLASS.numpy(), attacks="pgd")
    with pytest.raises(ModelError, match=r"answered class 3, but there are 2 classes, 0 to 1; name them all"):
        pp.assess(answer, PIXELS, CLASS.numpy() % 2)


def test_a_run_of_labels_alone_is_resumed_alike(tmp_path: Path) -> None:
    limits = {**FEW, "attacks": ("threshold",), "out": tmp_path}
    once = exact(pp.assess(answer, PIXELS, CLASS.numpy(), **limits))
    assert exact(pp.assess(answer, PIXELS, CLASS.numpy(), **limits)) == once


@pytest.mark.slow
def test_labels_alone_from_the_command_line_are_verified_too(cli: Cli, tmp_path: Path) -> None:
    file, data, out = tmp_path / "mine.py", tmp_path / "data.npz", tmp_path / "run"
    file.write_text("def load():\n    return lambda images: (images.mean((1, 2, 3)) > 0.5).int()\n")
    np.savez(data, images=PIXELS, labels=(BATCH.mean((1, 2, 3)) > 0.5).int().numpy())
    model = ("--model", f"{file}:load", "--trust-code", "--data", f"npz:{data}", "--samples", 3)
    run = cli(
        "assess",
        *model,
        "--attacks",
        "boundary(queries=60),threshold",
        "--levels",
        20,
        "--max-queries",
        40,
        "--out",
        out,
    )
    assert run.code == 0, run.err
    assert "labels alone" in " ".join(run.out.split())
    verified = cli("verify", out, "--trust-code")
    assert (verified.code, "verified" in verified.out) == (0, True), verified.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pt2", "torchscript", "onnx", "onnx, one at a time"])
@pytest.mark.parametrize("module", [Class, Logit])
def test_files(kind: str, module: type[nn.Module], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    model = load_model(write(kind, tmp_path, module()) + ",classes=4", trust_code=True)
    expected = torch.eye(CLASSES)[CLASS] if module is Class else Both()(BATCH)
    assert torch.allclose(model.scores(BATCH), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("module", [Class, Logit])
def test_a_server(module: type[nn.Module]) -> None:
    pytest.importorskip("httpx")
    pytest.importorskip("stamina")
    with serving(module()) as served:
        scores = load_model(served.url + ",classes=4,batch=5").scores(BATCH)
    assert torch.equal(scores.argmax(1), CLASS if module is Class else Both()(BATCH).argmax(1))


def test_what_a_program_prints() -> None:
    """Lines of one number: classes where all are whole, else logits or probabilities."""
    assert rows_of([["3"], ["0"]], 2, "m").tolist() == [[3], [0]]
    assert not rows_of([["3"], ["0"]], 2, "m").is_floating_point()
    assert rows_of([["0.25"], ["1"]], 2, "m").tolist() == [[0.25], [1.0]]


def test_gradients_pass_through_one_logit() -> None:
    batch = BATCH.clone().requires_grad_()
    (slope,) = torch.autograd.grad(TorchClassifier(Logit()).scores(batch)[:, 1].sum(), batch)
    assert bool(slope.ne(0).any())
    assert np.isfinite(slope.numpy()).all()
