"""Whatever the genome, the decoded image is an 8-bit image inside the constraint."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from pixelproof.attacks import Encoding, FewPixel, Threshold

SHAPES = [(5, 5, 1), (4, 7, 3), (6, 3, 3)]


def random_images(count: int, shape: tuple[int, int, int], seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=rng).float()


def wild_genomes(encoding: Encoding, lanes: int, population: int, scale: float, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(lanes, population, encoding.dimension, generator=rng) * scale


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([FewPixel, Threshold]),
    st.integers(1, 12),
    st.sampled_from(SHAPES),
    st.sampled_from([1e-8, 0.3, 5.0, 400.0, 1e6]),
    st.integers(0, 1000),
)
def test_every_genome_decodes_inside_the_constraint(
    kind: type[FewPixel] | type[Threshold], threshold: int, shape: tuple[int, int, int], scale: float, seed: int
) -> None:
    encoding = kind(threshold, shape)
    clean = random_images(3, shape, seed)
    before = clean.clone()
    images = encoding.decode(wild_genomes(encoding, 3, 4, scale, seed), clean)
    assert images.shape == (12, *shape)
    assert torch.equal(clean, before)
    owners = clean.repeat_interleave(4, 0)
    # An independent statement of the constraint, in integers.
    difference = (images.long() - owners.long()).abs()
    assert torch.equal(images, images.to(torch.uint8).float())
    if kind is FewPixel:
        assert int((difference.amax(-1) > 0).flatten(1).sum(1).max()) <= threshold
    else:
        assert int(difference.max()) <= threshold


@pytest.mark.parametrize("kind", [FewPixel, Threshold])
def test_start_and_box_fit_each_other_and_use_one_generator_a_sample(kind: type[FewPixel] | type[Threshold]) -> None:
    encoding = kind(4, (6, 5, 3))
    clean = random_images(3, (6, 5, 3), 0)
    lower, upper = encoding.box(clean)
    alone = [encoding.start(clean[k : k + 1], [torch.Generator().manual_seed(k)]) for k in range(3)]
    start = encoding.start(clean, [torch.Generator().manual_seed(k) for k in range(3)])
    assert torch.equal(start, torch.cat(alone))
    assert lower.shape == upper.shape == start.shape == (3, encoding.dimension)
    assert bool(((lower <= start) & (start <= upper)).all())


def test_few_pixel_puts_each_colour_where_the_genome_says() -> None:
    encoding = FewPixel(2, (4, 5, 3))
    clean = torch.full((1, 4, 5, 3), 100.0)
    genome = torch.tensor([[[1.2, 3.9, 10.4, 300.0, -7.0, 3.0, 0.0, 1.0, 2.0, 3.0]]])
    image = encoding.decode(genome, clean)[0]
    assert image[1, 3].tolist() == [10, 255, 0]
    assert image[3, 0].tolist() == [1, 2, 3]
    assert int((image != 100).any(-1).sum()) == 2


@pytest.mark.parametrize(("row", "expected"), [(-1.0, 3), (4.0, 0), (9.5, 1), (-1e-9, 3), (3.999, 3)])
def test_positions_wrap_by_modulo(row: float, expected: int) -> None:
    image = FewPixel(1, (4, 5, 1)).decode(torch.tensor([[[row, 0.0, 7.0]]]), torch.zeros(1, 4, 5, 1))[0]
    assert image.nonzero().tolist() == [[expected, 0, 0]]


def test_of_two_pixels_on_one_position_the_later_stands() -> None:
    genome = torch.tensor([[[1.0, 1.0, 50.0, 1.2, 1.7, 60.0, 0.0, 0.0, 9.0]]])
    image = FewPixel(3, (3, 3, 1)).decode(genome, torch.zeros(1, 3, 3, 1))[0]
    assert image[1, 1, 0] == 60
    assert image[0, 0, 0] == 9


class LastFirst(TorchFunctionMode):
    """Writes to many places at once in the reverse order, as a device may that keeps no order."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__setitem__:
            images, places, colours = args
            args = images, tuple(place.flip(1) for place in places), colours.flip(1)
        return func(*args, **(kwargs or {}))


def test_in_whatever_order_a_device_writes_the_later_pixel_stands() -> None:
    """A GPU keeps an arbitrary one of several writes to one place, so there must be only one colour to write."""
    encoding, clean = FewPixel(12, (3, 3, 2)), random_images(2, (3, 3, 2), 5)
    genomes = wild_genomes(encoding, 2, 5, 9.0, 6)
    in_order = encoding.decode(genomes, clean)
    with LastFirst():
        in_reverse = encoding.decode(genomes, clean)
    assert torch.equal(in_order, in_reverse)
    expected = clean.repeat_interleave(5, 0)
    for image, genome in zip(expected, genomes.flatten(0, 1), strict=True):
        for row, column, *colour in genome.view(12, 4):
            place = int(row.remainder(3).floor().clamp(max=2)), int(column.remainder(3).floor().clamp(max=2))
            image[place] = torch.stack(colour).round().clamp(0, 255)
    assert torch.equal(in_order, expected)


def test_threshold_clips_to_the_change_and_to_the_range_then_rounds() -> None:
    clean = torch.tensor([0.0, 254.0, 100.0, 100.0]).view(1, 2, 2, 1)
    image = Threshold(3, (2, 2, 1)).decode(torch.tensor([[[-9.0, 9.0, 1.6, -2.6]]]), clean)
    assert image.flatten().tolist() == [0, 255, 102, 97]
