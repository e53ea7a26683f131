"""``pixelproof.assess`` from Python: any model, any shape, quiet, nothing changed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

import pixelproof as pp
from pixelproof.runs.distances import pixel_distances
from pixelproof.zoo.registry import load
from tiny_run import contents

FEW = {"samples": 4, "levels": (1, 10), "max_queries": 60}
GREY = (9, 7)


@pytest.fixture(scope="module")
def bundled():
    data = pp.load_data("bundled")
    return data.images[:30], data.labels[:30]


@pytest.fixture(scope="module")
def grey():
    """120 grey images 9×7 of two classes, darker and brighter than the middle, uint8 N×H×W×1."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = np.clip(110 + 35 * labels[:, None, None] + rng.integers(-40, 41, (120, *GREY)), 0, 255)
    return images.astype(np.uint8)[..., None], labels


def _brightness(grid: tuple[int, int] = GREY) -> nn.Module:
    """A linear model of grey images: darker or brighter than 0.5."""
    pixels = grid[0] * grid[1]
    layer = nn.Linear(pixels, 2)
    with torch.no_grad():
        layer.weight[0], layer.weight[1] = -20 / pixels, 20 / pixels
        layer.bias[0], layer.bias[1] = 10, -10
    return nn.Sequential(nn.Flatten(), layer)


@pytest.mark.slow
def test_a_model_that_answers_differently_every_time_is_assessed_and_said_to_be_so(grey):
    layer, generator = _brightness(), torch.Generator().manual_seed(0)
    images, labels = grey

    def noisy(x: torch.Tensor) -> torch.Tensor:
        scores = layer(x)
        return scores + torch.randn(scores.shape, generator=generator)

    # With this noise some of the images chosen as right are wrong when the run asks them again.
    result = pp.assess(noisy, images, labels, samples=80, attacks=("threshold",), levels=(3,), max_queries=60)
    assert len({record.sample for record in result.run.records()}) == 80
    assert [f.name for f in result.run.manifest.findings if f.name == "random-output"]


@pytest.mark.slow
def test_a_torch_module_is_assessed_quietly_and_left_as_found(bundled, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = load("lenet").train()
    model.features[0].eval()
    modes = [each.training for each in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    random = torch.get_rng_state()
    result = pp.assess(model, *bundled, **FEW)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert [each.training for each in model.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert [f.name for f in result.run.manifest.findings if f.name == "training-mode"]
    assert len(result.run.records()) == 16


@pytest.mark.slow
def test_what_a_result_offers(bundled, tmp_path):
    result = pp.assess(load("lenet"), *bundled, **FEW)
    rows = result.levels
    assert [(row.attack, row.threshold, row.fooled.total) for row in rows] == [
        ("few-pixel", 1, 4),
        ("few-pixel", 10, 4),
        ("threshold", 1, 4),
        ("threshold", 10, 4),
    ]
    assert repr(result).startswith("Result of LeNet\n  few-pixel th=1: ")
    assert repr(result).splitlines()[1:] == [f"  {verdict}" for verdict in result.verdicts]
    known = result.status("few-pixel", 10)
    assert [image.answer for image in known].count("broken") >= rows[1].fooled.successes > 0
    assert all((image.record is not None) == (image.answer == "broken") for image in known)
    with pytest.raises(pp.InputError, match="no level few-pixel th = 2 in this run; its levels are: few-pixel th = 1,"):
        result.status("few-pixel", 2)
    html = result._repr_html_()
    assert "<table" in html
    assert "LeNet on arrays" in html
    found = result.adversarial("few-pixel", 10)
    assert len(found) == rows[1].fooled.successes > 0
    for record, image in found:
        clean = result.run.clean(record.sample)
        assert (image.dtype, image.shape) == (np.uint8, (32, 32, 3))  # type: ignore[comparison-overlap]
        assert pixel_distances(image, clean)["l0"] == record.l0 <= 10
    path = result.report(tmp_path / "reports" / "out.html")
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_records_as_a_data_frame(grey):
    pd = pytest.importorskip("pandas")
    result = pp.assess(_brightness(), *grey, samples=3, levels=(1,), max_queries=20)
    frame = result.records
    assert isinstance(frame, pd.DataFrame)
    assert frame["sample"].tolist() == [r.sample for r in result.run.records()]


def test_records_name_the_extra(grey, monkeypatch):
    result = pp.assess(_brightness(), *grey, samples=3, levels=(1,), max_queries=20)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(pp.InputError, match=r"pip install 'pixelproof\[export\]'"):
        _ = result.records


@pytest.mark.slow
def test_a_function_with_numpy_probabilities_gives_what_its_module_gives(bundled):
    network = load("lenet")

    def black_box(images):
        with torch.no_grad():
            return network(images).double().softmax(1).numpy().astype(np.float32)

    result = pp.assess(black_box, *bundled, **FEW)
    assert result.run.manifest.model.kind == "probabilities"
    assert result.run.manifest.model.name == "black_box"
    whole = pp.assess(network, *bundled, **FEW)
    assert [(r.sample, r.threshold) for r in result.run.records()] == [
        (r.sample, r.threshold) for r in whole.run.records()
    ]
    assert any(row.fooled.successes for row in result.levels)


@pytest.mark.slow
def test_floats_and_tensors_are_the_same_images(bundled):
    images, labels = bundled
    model = load("lenet")
    expected = contents(pp.assess(model, images, labels, **FEW).run)
    floats = torch.from_numpy(images.copy()).permute(0, 3, 1, 2) / 255
    assert contents(pp.assess(model, floats, torch.from_numpy(labels.copy()), **FEW).run) == expected
    assert contents(pp.assess(model, floats.numpy().astype(np.float64), labels.tolist(), **FEW).run) == expected
    assert contents(pp.assess(model, floats.requires_grad_(), labels, **FEW).run) == expected


@pytest.mark.slow
@pytest.mark.parametrize("search", ["auto", "de", "sep-cma-es"])
def test_grey_images_of_two_classes(grey, search):
    result = pp.assess(_brightness(), *grey, samples=10, levels=(1, 5, 40), max_queries=300, search=search)
    assert result.run.manifest.data.shape == (9, 7, 1)
    assert any(row.fooled.successes for row in result.levels)
    if search != "de":  # which needs more than 300 queries to move all pixels one way
        assert result.levels[-1].fooled.successes == 10  # 40 grey levels take every image across the middle
    for record in result.run.records():
        image = result.run.image(record)
        assert (image is None) != record.success
        if image is not None:
            assert image.shape == (9, 7, 1)
            assert record.predicted == 1 - record.label
            bounded = record.l0 if record.attack == "few-pixel" else record.linf
            assert bounded <= record.threshold


def test_a_range_is_kept(grey):
    result = pp.assess(_brightness(), *grey, samples=3, levels=(1,), max_queries=20, range=(50, 100))
    assert min(result.run.manifest.selection.samples) >= 50
    with pytest.raises(pp.InputError, match="reaches past the 120 images"):
        pp.assess(_brightness(), *grey, range=(50, 121))


def test_class_names_and_a_name(grey):
    result = pp.assess(
        _brightness(), *grey, samples=3, levels=(1,), max_queries=20, class_names=["dark", "bright"], name="bulb"
    )
    assert result.run.manifest.data.class_names == ("dark", "bright")
    assert repr(result).startswith("Result of bulb\n")


# The same folder.


@pytest.mark.slow
def test_the_same_again_is_taken_up(grey, tmp_path):
    options = {"samples": 3, "levels": (1, 3), "max_queries": 40, "out": tmp_path / "run"}
    first = pp.assess(_brightness(), *grey, **options)
    second = pp.assess(_brightness(), *grey, **{**options, "out": str(tmp_path / "run")})
    assert [r.seconds for r in second.run.records()] == [r.seconds for r in first.run.records()]
    with pytest.raises(pp.RunError, match="another run"):
        pp.assess(_brightness(), *grey, seed=1, **options)
    with pytest.raises(pp.RunError, match="another run"):
        pp.assess(_brightness(), grey[0] // 2 * 2, grey[1], **options)


@pytest.mark.slow
def test_an_interrupted_one_is_continued(grey, tmp_path):
    calls, model = 0, _brightness()

    def flaky(images):
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KeyboardInterrupt
        return model(images)

    options = {"samples": 3, "levels": (1, 3), "max_queries": 60, "kind": "logits"}
    with pytest.raises(KeyboardInterrupt):
        pp.assess(flaky, *grey, out=tmp_path / "run", **options)
    result = pp.assess(flaky, *grey, out=tmp_path / "run", **options)
    assert result.run.manifest.status == "finished"
    assert contents(result.run) == contents(pp.assess(flaky, *grey, **options).run)


# Targets.


@pytest.mark.slow
@pytest.mark.parametrize("target", ["next", "least-likely", 3])
def test_success_means_the_target_class_and_nothing_else(bundled, target):
    network = load("lenet")
    result = pp.assess(network, *bundled, samples=5, levels=(10, 60), max_queries=300, target=target)
    records = result.run.records()
    assert any(r.success for r in records)
    for record in records:
        assert record.target is not None
        assert record.target != record.label
        if target != "least-likely":
            assert record.target == (3 if target == 3 else (record.label + 1) % 10)
        assert record.success == (record.predicted == record.target)
        image = result.run.image(record)
        assert (image is not None) == record.success
        if image is not None:
            with torch.no_grad():
                scores = network(torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255)
            assert int(scores.argmax()) == record.target
    assert all(row.targeted for row in result.levels)


def test_labels_do_not_tell_of_a_class_without_an_image(grey):
    """Ten scores, the highest label 8: nobody named the classes, so there is nothing to complain of."""
    images, labels = grey

    def model(x: torch.Tensor) -> torch.Tensor:
        scores = _brightness()(x)
        return torch.cat([scores[:, :1], torch.full((len(x), 7), -99.0), scores[:, 1:], scores[:, :1] - 50], 1)

    result = pp.assess(model, images, 8 * labels, samples=3, levels=(1,), max_queries=20)
    assert result.run.manifest.findings == ()
    assert result.run.manifest.data.class_names[-1] == "class 9"


def test_a_model_that_never_answers_otherwise_is_not_called_robust(grey):
    images, _ = grey
    constant = pp.assess(
        lambda x: torch.tensor([[0.9, 0.1]]).repeat(len(x), 1),
        *(images, np.zeros(len(images), int)),
        samples=40,
        levels=(1,),
        max_queries=1000,
        attacks=("threshold",),
        search="square",
    )
    assert {"constant-output", "one-class"} <= {f.name for f in constant.run.manifest.findings}
    assert constant.verdicts == [
        "threshold th=1: undecided: one class: 0 of 40 images broken by square within 1,000 queries each, "
        "at most 8.8 % [95 %]"
    ]


def test_two_samples_and_39_queries_say_nothing(grey):
    result = pp.assess(_brightness(), *grey, samples=2, levels=(1,), max_queries=39, attacks=("threshold",))
    (verdict,) = result.verdicts
    assert verdict.startswith("threshold th=1: undecided: ")
    assert "too few samples, few queries" in verdict


def test_what_went_through_the_model_is_counted_whole(grey):
    """Queries, preflight, selection and what fills batches up: no image more reaches the model."""
    images, labels = grey
    layer, seen = _brightness(), [0]

    def counting(x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x)
        return layer(x)

    timings = pp.assess(counting, images, labels, samples=3, levels=(1, 5), max_queries=40).run.manifest.timings
    assert sum(value for name, value in timings.items() if name != "seconds") == seen[0]
    assert timings["padding"] > 0
