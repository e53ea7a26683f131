"""Standard normal numbers become draws from what the words of a distribution say."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from scipy import stats

from pixelproof.errors import InputError
from pixelproof.probability.distribution import Distribution, distribution_words, parse_distribution


def drawn(distribution: Distribution, clean: torch.Tensor, count: int = 20_000) -> torch.Tensor:
    height, width, channels = clean.shape
    normal = torch.randn(
        count, distribution.dimension((height, width, channels)), generator=torch.Generator().manual_seed(1)
    )
    return distribution.images(normal, clean)


def test_all_8_bit_images_within_a_threshold_are_equally_likely_also_at_the_ends_of_the_range():
    clean = torch.tensor([[[1.0], [254.0]]])
    counts = Counter(map(tuple, drawn(Distribution("linf", 2), clean).flatten(1).int().tolist()))
    assert set(counts) == {(a, b) for a in (0, 1, 2, 3) for b in (252, 253, 254, 255)}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_continuous_values_fill_the_box():
    images = drawn(Distribution("linf", 2.5, "continuous"), torch.full((1, 1, 1), 100.0)).flatten()
    assert stats.kstest(images.numpy(), stats.uniform(97.5, 5).cdf).pvalue > 1e-3


def test_few_pixels_take_any_places_and_colours():
    images = drawn(Distribution("l0", 2), torch.full((2, 2, 1), 300.0))  # no colour: every change is seen
    changed = (images < 256).flatten(1)
    assert (changed.sum(1) == 2).all()
    counts = Counter(map(tuple, changed.int().tolist()))
    assert len(counts) == 6
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    colours = images[images < 256]
    assert torch.equal(colours, colours.round())
    assert stats.chisquare(torch.bincount(colours.long(), minlength=256).numpy()).pvalue > 1e-3


def test_the_l2_ball_is_uniform():
    change = drawn(Distribution("l2", 10, "continuous"), torch.full((1, 3, 1), 128.0)).flatten(1) - 128
    radius = change.norm(dim=1) / 10
    assert stats.kstest((radius**3).numpy(), stats.uniform.cdf).pvalue > 1e-3
    assert stats.kstest((change[:, 0] / 10 / radius).numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-3  # Archimedes


def test_normal_changes_are_rounded_on_the_grid_and_cut_to_the_range():
    images = drawn(Distribution("normal", 50), torch.full((1, 1, 1), 250.0))
    assert images.max() == 255
    assert torch.equal(images, images.round())


def test_specs_are_read_and_written_back_in_full():
    found = parse_distribution("random(linf,th=3)")
    assert found is not None
    assert found.spec == "random(norm=linf,th=3,grid=8-bit)"
    assert parse_distribution(found.spec) == found
    assert parse_distribution("pgd(epsilon=8)") is None
    assert "within 3 of 255" in distribution_words(found.spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("random", "does not say what is drawn"),
        ("random(linf)", "does not say what is drawn"),
        ("random(linf,th=x)", "expected a number"),
        ("random(linf,th=2.5)", "whole th"),
        ("random(linf,th=-1)", "above 0"),
        ("random(linf,th=nan)", "above 0"),
        ("random(lp,th=1)", "linf, l2, l0, normal"),
        ("random(linf,th=1,grid=fine)", "8-bit or continuous"),
        ("random(linf,th=1,th=2)", "at most once"),
        ("random(linf,1)", "at most once, by name"),
    ],
)
def test_what_cannot_be_drawn_is_said(spec, said):
    with pytest.raises(InputError, match=said):
        parse_distribution(spec)


def test_more_pixels_than_there_are_cannot_change():
    with pytest.raises(InputError, match="more than the 4 pixels"):
        drawn(Distribution("l0", 5), torch.zeros(2, 2, 1), 1)
