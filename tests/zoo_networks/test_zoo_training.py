"""Training any network of the zoo: its loss falls, it can be interrupted, and its weights and card tell the truth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import pixelproof as pp
from pixelproof.errors import RunError
from pixelproof.jobs import train as training
from pixelproof.runs.database import locked
from pixelproof.zoo import registry
from pixelproof.zoo.recipe import Recipe

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def _images(n=8, classes=2, shape=(32, 32, 3)):
    """Noise around one shade a class."""
    labels = np.arange(n) % classes
    noise = np.random.default_rng(n).integers(0, 60, (n, *shape))
    shades = (noise + 190 * labels[:, None, None, None] // (classes - 1)).astype(np.uint8)
    return pp.ImageSet(shades, labels, tuple("abcdefghij"[:classes]), "shades")


def _train(name, out, **options):
    shape = registry.entry(name).shape
    return training.train(name, _images(shape=shape), _images(4, shape=shape), out, **{"epochs": 2, **options})


#: Trained within seconds; the others are for `make test-long`.
SMALL = ("lenet", "resnet20")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.long) for name in registry.ZOO]
)
def test_every_network_learns(name, tmp_path):
    seen = []
    epochs = 9 if name == "capsnet" else 4  # Adam's first steps are short
    card = _train(name, tmp_path, epochs=epochs, report=seen.append)
    trainings = 1 if registry.ZOO[name].recipe.temperature == 1 else 2
    assert [each.epoch for each in seen] == [*range(1, trainings * epochs + 1)]
    assert {each.epochs for each in seen} == {trainings * epochs}
    last = seen[-epochs:]
    assert min(each.loss for each in last[1:]) < last[0].loss
    weights = load_file(tmp_path / f"{name}.safetensors")
    assert weights.keys() == registry.ZOO[name].build(2).state_dict().keys()
    assert (card["name"], card["recipe"]["epochs"]) == (name, epochs)
    assert json.loads((tmp_path / f"{name}.json").read_text("utf-8")) == card


def _interrupt(status):
    if status.epoch == 2:
        raise KeyboardInterrupt


#: One draws dropout, one random starts, one noise, one pixels.
@pytest.mark.long
@pytest.mark.parametrize("name", ["nin", "resnet20-fast", "resnet20-noise", "strided-cnn"])
def test_an_interruption_changes_nothing(name, tmp_path):
    _train(name, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _train(name, tmp_path / "halves", report=_interrupt)
    torch.rand(3)  # whatever else draws random numbers in between
    _train(name, tmp_path / "halves")
    whole, halves = (torch.load(tmp_path / each / training.CHECKPOINT) for each in ("whole", "halves"))
    assert all(torch.equal(value, halves["network"][key]) for key, value in whole["network"].items())
    stored = [(tmp_path / each / f"{name}.safetensors").read_bytes() for each in ("whole", "halves")]
    assert stored[0] == stored[1]


def test_a_checkpoint_without_random_state_is_taken_up(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _train("lenet", tmp_path, report=_interrupt)
    state = torch.load(tmp_path / training.CHECKPOINT)
    del state["random"]
    torch.save(state, tmp_path / training.CHECKPOINT)
    seen = []
    _train("lenet", tmp_path, report=seen.append)
    assert [each.epoch for each in seen] == [2]


def test_a_torn_checkpoint_is_not_taken_up(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _train("lenet", tmp_path, report=_interrupt)
    path = tmp_path / training.CHECKPOINT
    content = bytearray(path.read_bytes())
    largest = max(ZipFile(path).infolist(), key=lambda each: each.file_size)
    middle = largest.header_offset + largest.file_size // 2
    content[middle : middle + 512] = bytes(512)  # a sector of numbers that never arrived
    path.write_bytes(content)
    torch.load(path)  # which sees nothing
    with pytest.raises(RunError, match="or it is damaged; remove that file"):
        _train("lenet", tmp_path)
    assert path.read_bytes() == content


def test_one_process_trains_in_a_folder(tmp_path):
    lock = locked(tmp_path)
    with pytest.raises(RunError, match="is being written by another process"):
        _train("lenet", tmp_path)
    lock.release()
    _train("lenet", tmp_path)


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    (tmp_path / f".{training.CHECKPOINT}.partial").write_bytes(b"half")
    _train("lenet", tmp_path)
    assert not list(tmp_path.glob("*.partial"))


def _identity(recipe, adversary=None):
    return training._identity("nin", _images(), recipe, 7, True, adversary)


def test_new_fields_leave_the_identity_of_older_trainings():
    then = {
        "epochs": 20, "batch_size": 128, "max_learning_rate": 0.2, "momentum": 0.9, "weight_decay": 5e-4,
        "warm_up": 0.25, "padding": 4, "flip": True, "label_smoothing": 0.0,
    }  # fmt: skip
    text = json.dumps([1, "nin", _images().content_hash, then, 7, True], sort_keys=True)
    assert _identity(Recipe(epochs=20)) == hashlib.sha256(text.encode()).hexdigest()


def test_what_changes_the_outcome_changes_the_identity():
    recipe = Recipe(epochs=20)
    others = [
        {"optimiser": "adam"},
        {"epochs": 21},
        {"noise": 8.0},
        {"pixels": 8},
        {"temperature": 20.0},
        {"label_smoothing": 0.1},
    ]
    recipes = [recipe, *(replace(recipe, **other) for other in others)]
    every = [*map(_identity, recipes), _identity(recipe, "fast(epsilon=8,step=10)"), _identity(recipe, "pgd")]
    assert len(set(every)) == len(every)


def test_painted_pixels_have_corner_colours_and_others_are_as_they_were():
    images = torch.full((5, 3, 6, 7), 0.4)
    painted = training._painted(images, 4, torch.Generator().manual_seed(0))
    changed = (painted != images).any(1).flatten(1)
    assert torch.equal(images, torch.full_like(images, 0.4))
    assert all(1 <= int(each) <= 4 for each in changed.sum(1))  # two may be drawn at one place
    assert len({tuple(each.tolist()) for each in changed}) > 1
    values = painted.movedim(1, -1).flatten(1, 2)[changed]
    assert set(values.flatten().tolist()) == {0.0, 1.0}


# Adversarial training


def _darkened(seen):
    """An adversary that turns every image black and keeps what it was asked with."""

    def adversary(module, images, labels, generator):
        assert module.training
        seen.append((images, labels, torch.rand(2, generator=generator)))
        return torch.zeros_like(images)

    return adversary


def _trainer(adversary, name="lenet", seed=0):
    torch.manual_seed(0)
    recipe = registry.ZOO[name].recipe
    return training._Trainer(registry.ZOO[name].build(2), _images(), recipe, seed, CPU, False, adversary)


def test_the_adversary_gets_every_batch_and_the_network_what_it_returns():
    seen, losses = [], []
    trainer = _trainer(_darkened(seen))
    with torch.no_grad():
        black = nn.functional.cross_entropy(trainer.network(torch.zeros(8, 3, 32, 32)), torch.arange(8) % 2)
    trainer.run_epoch(losses.append)
    trainer.run_epoch(losses.append)
    assert losses[0].loss == pytest.approx(float(black), rel=1e-5)
    assert len(seen) == 2
    for images, labels, _ in seen:
        assert (images.shape, images.dtype) == ((8, 3, 32, 32), torch.float32)
        assert 0 <= images.min() < images.max() <= 1
        assert sorted(labels.tolist()) == [0] * 4 + [1] * 4
    assert not torch.equal(seen[0][2], seen[1][2]), "every epoch has its own random numbers"
    augmentation = torch.Generator().manual_seed(trainer.seed)
    assert not torch.equal(seen[0][2], torch.rand(2, generator=augmentation)), "and its own stream"


def test_the_adversary_leaves_the_batches_as_they_are_without_it():
    seen = []
    _trainer(_darkened(seen)).run_epoch(lambda _: None)
    batch, labels = next(_trainer(None)._batches())
    assert torch.equal(seen[0][0], batch)
    assert torch.equal(seen[0][1], labels)


@pytest.mark.parametrize(
    ("name", "adversary"),
    [
        ("resnet20", None),
        ("resnet20-fast", "fast(epsilon=8,step=10)"),
        ("resnet20-pgd", "pgd(epsilon=8,step=2,iterations=7)"),
        ("preact-resnet18-pgd", "pgd(epsilon=8,step=2,iterations=7)"),
    ],
)
def test_the_adversary_of_an_entry(name, adversary):
    found = training._adversary(name)
    assert (found.name if found else None) == adversary


def test_the_card_names_the_adversary(tmp_path):
    assert _train("resnet20-fast", tmp_path, epochs=1)["adversary"] == "fast(epsilon=8,step=10)"
    assert _train("lenet", tmp_path / "other", epochs=1)["adversary"] is None


def test_a_hardened_network_moves_images_by_8_steps():
    adversary, trainer = training._adversary("resnet20-fast"), _trainer(None)
    images, labels = next(trainer._batches())
    moved = adversary(trainer.network, images, labels, torch.Generator().manual_seed(0)) - images  # type: ignore[misc]
    assert float(moved.abs().max()) == pytest.approx(8 / 255, rel=1e-4)


# Noise and distillation


def _hardened(teacher=None, name="lenet", **fields):
    torch.manual_seed(0)
    recipe = replace(registry.ZOO[name].recipe, **fields)
    return training._Trainer(registry.ZOO[name].build(2), _images(200), recipe, 0, CPU, False, None, teacher)


def test_noise_is_normal_in_grey_levels_and_new_in_every_epoch():
    plain, noisy = _hardened(), _hardened(noise=10.0)
    (clean, labels), (images, same) = next(plain._batches()), next(noisy._batches())
    assert torch.equal(labels, same)
    inside = (clean > 0.2) & (clean < 0.8)  # where nothing is cut off
    moved = ((images - clean)[inside] * 255).double()
    assert float(moved.mean()) == pytest.approx(0, abs=0.2)
    assert float(moved.std()) == pytest.approx(10, rel=0.02)
    assert images.min() >= 0
    assert images.max() <= 1
    noisy.epoch = plain.epoch = 1
    later = (next(noisy._batches())[0] - next(plain._batches())[0]).flatten()
    assert abs(float(torch.corrcoef(torch.stack([(images - clean).flatten(), later]))[0, 1])) < 0.02


class _Fixed(nn.Module):
    """Answers every image with the same logits."""

    def forward(self, images):
        return torch.tensor([[3.0, 1.0]]).expand(len(images), 2)


@torch.no_grad()
def test_a_student_learns_the_teachers_probabilities_at_the_temperature():
    student = _hardened(_Fixed(), temperature=4.0)
    images, labels = next(student._batches())
    logits = student.network(images)
    soft = torch.softmax(torch.tensor([3.0, 1.0]) / 4, 0)
    expected = -4 * (soft * torch.log_softmax(logits / 4, 1)).sum(1).mean()
    assert float(student._loss(images, labels)) == pytest.approx(float(expected), rel=1e-5)
    teacher = _hardened(temperature=4.0)
    expected = 4 * nn.functional.cross_entropy(teacher.network(images) / 4, labels)
    assert float(teacher._loss(images, labels)) == pytest.approx(float(expected), rel=1e-5)


def test_a_distillation_can_be_interrupted_in_either_half(tmp_path):
    def stop_at(epoch):
        def interrupt(status):
            if status.epoch == epoch:
                raise KeyboardInterrupt

        return interrupt

    name, weights = "resnet20-distilled", []
    for folder, stops in (("whole", []), ("halves", [2, 4])):
        for epoch in stops:
            with pytest.raises(KeyboardInterrupt):
                _train(name, tmp_path / folder, report=stop_at(epoch))
        _train(name, tmp_path / folder)
        weights.append((tmp_path / folder / f"{name}.safetensors").read_bytes())
    assert weights[0] == weights[1]
    teacher, student = (torch.load(tmp_path / "whole" / each) for each in (training.TEACHER, training.CHECKPOINT))
    assert not torch.equal(teacher["network"]["head.weight"], student["network"]["head.weight"])


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("resnet20-noise", {"noise": 12.75}),
        ("resnet20-label-smoothing", {"label_smoothing": 0.1}),
        ("resnet20-distilled", {"temperature": 20.0}),
    ],
)
def test_hardened_recipes_are_the_plain_one_but_for_one_field(name, field):
    assert registry.ZOO[name].recipe == replace(registry.ZOO["resnet20"].recipe, **field)


# What is stored


def test_float16_is_stored_and_float32_loaded(tmp_path, monkeypatch):
    card = training.train("lenet", _images(20, 10), _images(10, 10), tmp_path, epochs=2)
    path = tmp_path / "lenet.safetensors"
    assert card["storage"] == "float16"
    assert card["weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    monkeypatch.setattr(registry, "weights_file", lambda name: path)
    loaded = registry.load("lenet")
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}
    assert training.accuracy(loaded, _images(10, 10), CPU) == card["accuracy"]


@pytest.mark.parametrize(("after", "storage"), [(0.9005, "float16"), (0.8995, "float16"), (0.8994, "float32")])
def test_float16_costs_at_most_5_images_of_10_000(monkeypatch, after, storage):
    measured = iter([0.9, after])
    monkeypatch.setattr(training, "accuracy", lambda *_: next(measured))
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    weights, given, right = training._to_store(network, _images(), CPU)
    assert (given, right) == (storage, after if storage == "float16" else 0.9)
    assert weights["0.weight"].dtype == getattr(torch, storage)
    assert weights["1.num_batches_tracked"].dtype == torch.int64
    assert network[0].weight.dtype == torch.float32


def test_weights_too_large_for_float16_stay(monkeypatch):
    monkeypatch.setattr(training, "accuracy", lambda *_: 0.1)
    network = nn.Linear(2, 2)
    nn.init.constant_(network.bias, 70_000)
    weights, storage, _ = training._to_store(network, _images(), CPU)
    assert storage == "float32"
    assert torch.equal(weights["bias"], network.bias)


def test_all_weights_together_stay_small():
    folder = registry.weights_file("lenet").parent
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 60e6


@pytest.mark.parametrize("name", registry.ZOO)
def test_a_network_without_weights_tells_how_to_train_it(name, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "weights_file", lambda name: tmp_path / f"{name}.safetensors")
    with pytest.raises(pp.ModelError, match=f"pixelproof train {name} {registry.entry(name).data} --out DIR"):
        pp.load_model(f"zoo:{name}")


def test_the_help_lists_the_networks(cli):
    answer = cli("train", "--help")
    assert (answer.code, answer.err) == (0, "")
    assert all(f"{name}," in answer.out or f"{name}." in answer.out for name in registry.ZOO)
