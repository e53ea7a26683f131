"""The networks that come with the package, and what their cards say of them."""

from __future__ import annotations

import hashlib

import pytest
import torch

import pixelproof as pp
from pixelproof.data.pentomino import SHAPES
from pixelproof.jobs.train import accuracy
from pixelproof.zoo import registry
from pixelproof.zoo.resnet import CifarResNet

pytestmark = pytest.mark.slow

#: Weights and biases for 10 classes, and beside them what the papers say.
PARAMETERS = {
    "all-cnn": 1_370_986,  # table 3 of Springenberg et al.: about 1.4 M; 1,248 biases are batch normalisations here
    "capsnet": 11_749_120,  # Sabour et al. give 8.2 M for 28×28 grey images; this is the same for 32×32 in colour
    "densenet-bc-100-12": 769_162,  # table 2 of Huang et al.: 0.8 M
    "densenet-bc-58-12": 314_470,  # no count in the paper: 9 layers a block where 100-12 has 16
    "lenet": 62_006,  # LeCun et al.: 60,000 for one grey channel and a sparse second convolution
    "nin": 968_394,  # Lin et al.'s published network: 966,986; 1,408 biases are batch normalisations here
    "preact-resnet18": 11_172_170,  # no count in the paper; derived in test_preact_resnet.py
    "preact-resnet18-pgd": 11_172_170,
    "preact-resnet20": 272_282,  # derived in the same place
    "resnet20": 269_722,  # table 6 of He et al.: 0.27 M
    "resnet20-distilled": 269_722,
    "resnet20-fast": 269_722,
    "resnet20-label-smoothing": 269_722,
    "resnet20-mnist": 269_722,
    "resnet20-noise": 269_722,
    "resnet20-pentomino": 269_722,
    "resnet20-pgd": 269_722,
    "resnet32": 464_154,  # 0.46 M
    "resnet56": 853_018,  # 0.85 M
    "strided-cnn": 79_130,  # three convolutions with biases, their normalisations, a full layer
    "wide-resnet-16-4": 2_748_890,  # half of 16-8's maps, so about a quarter of its weights
    "wide-resnet-16-8": 10_961_370,  # table 4 of Zagoruyko & Komodakis: 11.0 M
}
#: Test accuracies that the bundled weights reach at least.
ACCURACY = {
    "lenet": 0.72,
    "strided-cnn": 0.79,
    "preact-resnet20": 0.86,
    "resnet20": 0.905,
    "resnet20-mnist": 0.98,
    "resnet20-pentomino": 0.9,
}
#: What the networks of Vargas & Kotyan (2019, tables IV and V) reach.
PUBLISHED = {
    "all-cnn": 0.8846,
    "capsnet": 0.7903,
    "densenet-bc-58-12": 0.9454,
    "densenet-bc-100-12": 0.9454,
    "lenet": 0.7357,
    "nin": 0.9087,
    "resnet20": 0.9267,
    "resnet20-fast": 0.8711,
    "resnet20-pgd": 0.8711,
    "preact-resnet18-pgd": 0.8711,
    "wide-resnet-16-4": 0.9512,
    "wide-resnet-16-8": 0.9512,
}
BUNDLED = [
    pytest.param(
        name, marks=pytest.mark.skipif(not registry.weights_file(name).exists(), reason=f"{name} is not trained yet")
    )
    for name in sorted(registry.ZOO)
]

#: Classes, training and test images of networks that are not of CIFAR-10.
OTHERS = {
    "resnet20-mnist": (tuple(f"class {k}" for k in range(10)), 60_000, 10_000),
    "resnet20-pentomino": (tuple(SHAPES), 200_000, 5_000),
}
#: Those of CIFAR-10; the wide ones take ten seconds for a thousand images.
OF_CIFAR = [
    pytest.param(
        *each.values, marks=[*each.marks, *([pytest.mark.long] if each.values[0] in ("all-cnn", "nin") else [])]
    )
    for each in BUNDLED
    if each.values[0] not in OTHERS
]


def test_the_zoo_is_what_is_tested_here():
    assert registry.ZOO.keys() == PARAMETERS.keys()


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("classes", [10, 3])
def test_parameters_and_shapes(name, classes):
    network = registry.ZOO[name].build(classes).eval()
    if classes == 10:
        assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]
    with torch.no_grad():
        assert network(torch.rand(2, 3, 32, 32)).shape == (2, classes)


@pytest.mark.parametrize("name", PARAMETERS)
def test_normalisation_is_inside(name):
    network = registry.ZOO[name].build(10)
    buffers = dict(network.named_buffers())
    assert buffers["normalise.mean"].flatten().tolist() == pytest.approx([0.4914, 0.4822, 0.4465])
    assert {"normalise.mean", "normalise.std"} <= network.state_dict().keys()
    image = torch.rand(1, 3, 32, 32)
    expected = (image - buffers["normalise.mean"]) / buffers["normalise.std"]
    assert torch.equal(network.normalise(image), expected)


@pytest.mark.parametrize("depth", [19, 2, 21])
def test_a_resnet_has_6n_and_2_layers(depth):
    with pytest.raises(ValueError, match="6n"):
        CifarResNet(depth)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_card_speaks_of_these_weights(name):
    card = registry.card(name)
    assert card["weights_sha256"] == hashlib.sha256(registry.weights_file(name).read_bytes()).hexdigest()
    assert card["name"] == name
    assert card["parameters"] == PARAMETERS[name]
    classes, learnt, tested = OTHERS.get(name, (pp.load_data("bundled").class_names, 50_000, 10_000))
    assert card["classes"] == list(classes)
    assert card["data"]["images"] == learnt
    assert card["test"]["images"] == tested


@pytest.mark.skipif(not registry.weights_file("resnet20-pentomino").exists(), reason="it is not trained yet")
def test_the_accuracy_on_pentominoes_is_that_of_the_card():
    data = pp.load_data("pentomino:1000,seed=1")  # the first of the card's own
    measured = accuracy(registry.load("resnet20-pentomino"), data, torch.device("cpu"))
    assert measured == pytest.approx(registry.card("resnet20-pentomino")["accuracy"], abs=0.03)


@pytest.mark.parametrize("name", OF_CIFAR)
def test_the_accuracy_on_the_bundled_images_is_that_of_the_card(name):
    measured = accuracy(registry.load(name), pp.load_data("bundled"), torch.device("cpu"))
    assert measured == pytest.approx(registry.card(name)["accuracy"], abs=0.03)
    assert registry.card(name)["accuracy"] >= ACCURACY.get(name, 0.7)


@pytest.mark.parametrize("name", BUNDLED)
def test_an_accuracy_two_points_below_the_papers_has_its_reason_on_the_card(name):
    card = registry.card(name)
    assert card["accuracy"] >= PUBLISHED.get(name, 0) - 0.02 or card["remark"]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_loaded_network_is_ready_to_be_asked(name):
    network = registry.load(name)
    assert not any(each.training for each in network.modules())
    classifier = pp.load_model(f"zoo:{name}")
    assert (classifier.name, classifier.kind) == (f"zoo:{name}", "logits")
    assert classifier.fingerprint == pp.load_model(f"zoo:{name}").fingerprint


@pytest.mark.parametrize("ask", [registry.entry, registry.card, registry.load])
def test_an_unknown_name_says_what_there_is(ask):
    with pytest.raises(pp.ModelError, match=r"no network 'alexnet' .*; it has all-cnn, capsnet, densenet"):
        ask("alexnet")


def test_missing_weights_say_how_to_train_them(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "weights_file", lambda name: tmp_path / f"{name}.safetensors")
    with pytest.raises(pp.ModelError, match="pixelproof train lenet"):
        registry.load("lenet")
