"""The detector on probabilities made by hand."""

from __future__ import annotations

import pytest
import torch

from pixelproof.defences import BitDepth, SqueezingDetector
from pixelproof.errors import InputError
from pixelproof.models import CallableClassifier


class Shift:
    """Adds ``by`` to every value, so that the probabilities below move by just that."""

    name = spec = "shift"
    differentiable = True

    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, images):
        return images + self.by


class Double(Shift):
    """Twice the image: images that differ move by different lengths."""

    def __call__(self, images):
        return images * 2


@pytest.fixture
def classifier():
    """The probability of class 0 is the image's only value; remembers how many images it was asked about at once."""

    def scores(images):
        rows.append(len(images))
        value = images.flatten(1)[:, :1]
        return torch.cat([value, 1 - value], 1)

    rows: list[int] = []
    made = CallableClassifier(scores, kind="probabilities")
    made.rows = rows  # type: ignore[attr-defined]
    return made


def _images(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_the_distance_is_l1_and_the_largest_over_the_squeezers(classifier):
    detector = SqueezingDetector((Shift(0.1), Shift(-0.3), Shift(0.2)))
    found = detector.distances(classifier, _images(0.5, 0.4))
    assert found.tolist() == pytest.approx([0.6, 0.6])  # both classes move by 0.3


def test_logits_are_compared_as_probabilities():
    logits = CallableClassifier(lambda x: torch.cat([x.flatten(1), -x.flatten(1)], 1), kind="logits")
    found = SqueezingDetector((Shift(0.5),)).distances(logits, _images(0.0))
    assert found.item() == pytest.approx(2 * (torch.sigmoid(torch.tensor(1.0)).item() - 0.5), abs=1e-6)


@pytest.mark.parametrize(("rate", "flagged"), [(0.05, 5), (0.2, 20), (0.0, 0), (0.999, 99)])
def test_the_threshold_flags_the_share_of_clean_images_that_was_allowed(classifier, rate, flagged):
    images = torch.linspace(0.1, 0.4, 100).view(-1, 1, 1, 1)
    detector = SqueezingDetector((Double(0),), false_positive_rate=rate)
    detector.fit(classifier, images)
    flags = detector.flags(classifier, images)
    assert flags.dtype == torch.bool
    assert flags.nonzero().flatten().tolist() == list(range(100 - flagged, 100))  # those that move furthest
    assert detector.flags(classifier, _images(0.05, 0.45)).tolist() == [False, True]


def test_every_call_has_the_same_shape(classifier):
    SqueezingDetector((Shift(0.1),)).distances(classifier, torch.zeros(130, 1, 1, 1))
    assert set(classifier.rows) == {64}


def test_a_threshold_may_be_given(classifier):
    detector = SqueezingDetector((Double(0),), threshold=0.5)  # the distance is twice the value
    assert detector.flags(classifier, _images(0.2, 0.25, 0.3)).tolist() == [False, False, True]


def test_the_default_squeezers(classifier):
    """Of one value in a 1×1 image the median is the value itself, and 5 bits move it by no more than 1/62."""
    found = SqueezingDetector().distances(classifier, _images(0.0, 0.5))
    assert found.tolist() == pytest.approx([0.0, 2 * (16 / 31 - 0.5)], abs=1e-6)


def test_mistakes(classifier):
    with pytest.raises(InputError, match="no threshold yet; fit it"):
        SqueezingDetector().flags(classifier, _images(0.1))
    with pytest.raises(InputError, match="no images to set the threshold on"):
        SqueezingDetector().fit(classifier, torch.zeros(0, 1, 1, 1))
    with pytest.raises(InputError, match="give at least one"):
        SqueezingDetector(())
    with pytest.raises(InputError, match=r"not 1\.0"):
        SqueezingDetector((BitDepth(),), false_positive_rate=1.0)
