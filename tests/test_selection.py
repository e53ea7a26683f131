"""The first correctly classified images, in file order or shuffled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pixelproof as pp
from pixelproof.data import ImageSet
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.jobs.selection import restore, select
from pixelproof.models import CallableClassifier
from pixelproof.models.query import Scorer

N, CLASSES = 150, 4
#: The grey value tells the class, but for every third image, where it tells the next one.
TOLD = (np.arange(N) + (np.arange(N) % 3 == 0)) % CLASSES
LABELS = np.arange(N) % CLASSES
RIGHT = [int(k) for k in np.flatnonzero(TOLD == LABELS)]


def _data() -> ImageSet:
    images = np.broadcast_to((TOLD * 50).astype(np.uint8)[:, None, None, None], (N, 3, 2, 1))
    return ImageSet(images, LABELS, ("a", "b", "c", "d"), indices=np.arange(N) + 1000)


def _scorer() -> Scorer:
    def scores(images):
        grey = (images[:, 0, 0, 0] * 255 / 50).round()
        return -((grey[:, None] - torch.arange(4)) ** 2)

    return Scorer(CallableClassifier(scores, kind="logits"), 64, torch.device("cpu"))


def _settings(**options: object) -> Settings:
    return resolve(make_spec(model="m", data="d", **options), (3, 2, 1), "cpu")


def test_the_first_right_ones_in_file_order():
    selection, samples = select(_scorer(), _data(), _settings(samples=20))
    assert selection.samples == tuple(k + 1000 for k in RIGHT[:20])
    assert selection.labels == tuple(k % CLASSES for k in RIGHT[:20])
    assert selection.considered == RIGHT[19] + 1
    assert selection.rule == "the first 20 correctly classified images in file order"
    assert [s.index for s in samples] == list(selection.samples)
    assert all(s.target is None and 0 < s.confidence <= 1 for s in samples)


def test_all_there_are_up_to_a_hundred():
    selection, _ = select(_scorer(), _data(), _settings())
    assert len(selection.samples) == len(RIGHT) == 100
    assert selection.considered == RIGHT[-1] + 1
    few, _ = select(_scorer(), _data().take(slice(0, 30)), _settings())
    assert (len(few.samples), few.considered) == (20, 30)


def test_shuffled_by_a_seed():
    first, _ = select(_scorer(), _data(), _settings(samples=20, shuffle=1))
    again, _ = select(_scorer(), _data(), _settings(samples=20, shuffle=1))
    other, _ = select(_scorer(), _data(), _settings(samples=20, shuffle=2))
    assert first == again
    assert set(first.samples) != set(other.samples)
    assert list(first.samples) != sorted(first.samples)
    assert {k - 1000 for k in first.samples} <= set(RIGHT)
    assert first.rule.endswith("shuffled by seed 1")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("next", lambda label: (label + 1) % 4),
        ("least-likely", lambda label: 3 if label < 2 else 0),
        ("2", lambda _: 2),
    ],
)
def test_targets(target, expected):
    _, samples = select(_scorer(), _data(), _settings(samples=20, target=target))
    assert [s.target for s in samples] == [expected(s.label) for s in samples]
    assert all(s.target != s.label for s in samples)  # images of the target class are passed over


def test_too_few():
    with pytest.raises(InputError, match="101 samples are asked for, but only 100 of the 150 images"):
        select(_scorer(), _data(), _settings(samples=101))


def test_none_at_all():
    wrong = _data().take([0, 3, 6])
    with pytest.raises(InputError, match="At least 1 sample is needed, but only 0 of the 3 images"):
        select(_scorer(), wrong, _settings())


@pytest.mark.parametrize("options", [{}, {"shuffle": 5}, {"target": "least-likely"}], ids=str)
def test_restored_from_what_is_kept(options):
    settings = _settings(samples=20, **options)
    selection, samples = select(_scorer(), _data(), settings)
    kept = _data().take([k - 1000 for k in selection.samples])
    again = restore(_scorer(), kept, settings, selection)
    assert [(s.index, s.label, s.target, s.confidence) for s in again] == [
        (s.index, s.label, s.target, s.confidence) for s in samples
    ]


def test_a_model_that_is_wrong_about_them_now_is_not_continued_with():
    settings = _settings(samples=20)
    selection, _ = select(_scorer(), _data(), settings)
    kept = _data().take([k - 1000 for k in selection.samples])
    scorer = Scorer(
        CallableClassifier(lambda x: torch.eye(4)[:1].expand(len(x), 4), kind="logits"), 64, torch.device("cpu")
    )
    with pytest.raises(InputError, match="no longer classifies"):
        restore(scorer, kept, settings, selection)
    again = restore(scorer, kept, settings, selection, varies=True)  # its answer is no reason then
    assert tuple(sample.index for sample in again) == selection.samples


def test_samples_of_one_class_only_are_a_finding():
    """Data sorted by class gives such samples in file order, and does not once shuffled."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    images = (rng.integers(0, 40, (40, 4, 4, 1)) + 200 * labels[:, None, None, None]).astype(np.uint8)

    def bright(x: torch.Tensor) -> torch.Tensor:
        value = 5 * (x.flatten(1).mean(1) - 0.5)
        return torch.stack([-value, value], 1)

    for shuffle, expected in [(None, ["one-class"]), (0, [])]:
        result = pp.assess(bright, images, labels, samples=12, levels=[1], max_queries=4, shuffle=shuffle)
        assert [f.name for f in result.run.manifest.findings] == expected
    dark = labels == 0
    result = pp.assess(bright, images[dark], labels[dark], levels=[1], max_queries=4)
    (finding,) = result.run.manifest.findings
    assert finding.name == "one-class"
    assert "All 20 samples are of one class, class 0, the only one in the data" in finding.message
