"""Every kind of model in a file keeps the one contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pixelproof as pp
from model_files import CLASSES, KINDS, images, network, write
from pixelproof.errors import InputError, ModelError
from pixelproof.models import Classifier, load_model
from pixelproof.models.torch_module import TorchClassifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By kind, what is to be typed for the one network."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("networks")
    return {kind: write(kind, folder, network()) for kind in KINDS}


def _log(scores: Tensor, kind: str) -> Tensor:
    return scores.log_softmax(1) if kind != "onnx, channels last" else scores.log()


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_network(specs: dict[str, str], kind: str) -> None:
    model = load_model(specs[kind], trust_code=True)
    assert isinstance(model, Classifier)
    for count in (1, 2, 5):
        batch = images(count, seed=count)
        before = batch.clone()
        scores = model.scores(batch)
        assert (scores.shape, scores.dtype) == ((count, CLASSES), torch.float32)
        assert torch.equal(batch, before)
        assert torch.allclose(_log(scores, kind), network()(batch).log_softmax(1), atol=1e-5)
        assert not scores.requires_grad


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_is_of_the_network(specs: dict[str, str], kind: str, tmp_path: Path) -> None:
    once, again = (load_model(specs[kind], trust_code=True).fingerprint for _ in range(2))
    other = load_model(write(kind, tmp_path, network(seed=1)), trust_code=True).fingerprint
    assert once == again != other


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_another_shape_are_refused_in_one_sentence(specs: dict[str, str], kind: str) -> None:
    with pytest.raises(ModelError, match=r"shape 3×9×9|9×9"):
        load_model(specs[kind], trust_code=True).scores(torch.zeros(2, 3, 9, 9))


# Normalisation.


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_any_spec_takes_a_normalisation(specs: dict[str, str], kind: str) -> None:
    batch = images(3)
    bare = load_model(specs[kind], trust_code=True)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = network()((batch - mean[:, None, None]) / std[:, None, None])
    for text in (",normalise=imagenet", ",mean=0.485:0.456:0.406,std=0.229:0.224:0.225"):
        model = load_model(specs[kind] + text, trust_code=True)
        assert torch.allclose(model.scores(batch), expected, atol=1e-5)
        assert model.fingerprint != bare.fingerprint
    doubled = load_model(specs[kind] + ",scale=255,mean=127.5,std=127.5", trust_code=True)
    assert torch.allclose(doubled.scores(batch), network()(batch * 2 - 1), atol=1e-4)


def test_a_normalised_module_keeps_its_gradients_and_its_certificates() -> None:
    module = pp.Normalize(network(), mean=[0.5, 0.4, 0.3], std=0.25)
    assert isinstance(module, nn.Module)
    batch = images(2).requires_grad_()
    (slope,) = torch.autograd.grad(TorchClassifier(module).scores(batch).sum(), batch)
    assert bool(slope.ne(0).any())
    found = pp.assess(
        module,
        (images(1) * 255).byte().permute(0, 2, 3, 1).numpy(),
        module(images(1)).argmax(1).numpy(),
        attacks=("threshold",),
        levels=(1,),
        certify="bounds",
    )
    assert {each.answer for each in found.status("threshold", 1)} <= {"broken", "proved"}


def test_a_function_is_normalised_too() -> None:
    model = pp.Normalize(lambda x: network()(x), 0.5, 0.25)
    assert torch.allclose(model.scores(images(2)), network()((images(2) - 0.5) / 0.25), atol=1e-5)
    assert model.fingerprint != pp.Normalize(lambda x: network()(x), 0.5, 0.5).fingerprint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (",mean=a", "mean=a in .* is no number"),
        (",std=0", "divides by 0; expected deviations and a scale above 0"),
        (",mean=0.1:0.2,std=0.1:0.2:0.3", "2 means and 3 deviations"),
        (",normalise=cifar", "normalise=cifar in .* is not known; expected imagenet, cifar10, half"),
        (",normalise=imagenet,mean=0.5", "gives both normalise and mean"),
        (",layout=chw", "layout=chw in .* is not known; expected one of nchw, nhwc"),
        (",size=3", "There is no parameter size for .*; expected layout, mean, std, scale, normalise, kind, classes"),
        (",kind=scores", "kind=scores in .* is not known; expected one of logits, probabilities, labels"),
    ],
)
def test_a_wrong_parameter_is_said(specs: dict[str, str], text: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        load_model(specs["onnx"] + text)


def test_channels_that_do_not_fit_are_said(specs: dict[str, str]) -> None:
    with pytest.raises(ModelError, match="Normalisation is of 2 channels, but the images have 3"):
        load_model(specs["onnx"] + ",mean=0.1:0.2,std=1").scores(images(1))


def test_what_is_no_onnx_file_is_said(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ModelError, match="There is no file"):
        load_model(f"onnx:{tmp_path / 'none.onnx'}")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        load_model(f"onnx:{tmp_path / 'text.onnx'}")
    with pytest.raises(ModelError, match=re.escape(f"so write onnx:{tmp_path / 'text.onnx'}")):
        load_model(str(tmp_path / "text.onnx"))
    with pytest.raises(ModelError, match="names no model"):
        load_model("onnx:")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(InputError, match=r"timm:resnet18 needs the package timm, .* pip install 'pixelproof\[timm\]'"):
        load_model("timm:resnet18")
