"""The pixel process: lanes, genomes, its arithmetic against a dense Gaussian process, planted solutions, giving up."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pixelproof.attacks import FewPixel
from pixelproof.engine.judge import Bound
from pixelproof.search import PixelProcess
from pixelproof.search.pixel_landscape import LEVEL, Landscape, Observations, Posterior, covariances, learn, observe
from pixelproof.search.pixel_plan import Incumbent, Pool, scan
from pixelproof.search.pixel_prior import FLOOR, REACH, SHARPNESS, PixelPrior

RGB, GREY, TINY = (16, 12, 3), (10, 10, 1), (2, 1, 3)  # tiny: sets soon run out
Answer = Callable[[Tensor], Tensor]  # candidate images (q, H, W, C) to margins (q, K)


def image(key: int, shape: tuple[int, int, int] = RGB) -> Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(key)).float()


def bumps(clean: Tensor, level: float, height: float, key: int = 0) -> Answer:
    """Two rivals: the margin of each falls with the change of colour, most at its own centre; a third is the truth."""
    rows, columns, _ = clean.shape
    random = torch.Generator().manual_seed(key)
    centre = torch.rand(2, 2, generator=random) * torch.tensor([rows - 1, columns - 1])
    place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()
    weight = height * torch.exp(-(torch.cdist(centre, place) ** 2) / 8).view(2, rows, columns)

    def answer(images: Tensor) -> Tensor:
        size = ((images - clean) / 255).norm(dim=3)
        margins = level - torch.einsum("qrc,krc->qk", size.double(), weight.double()).float()
        return torch.cat([margins, torch.full_like(margins[:, :1], torch.inf)], 1)

    return answer


def add(search: PixelProcess, keys: list[int]) -> None:
    images = torch.stack([image(key, search.shape) for key in keys])
    corner = torch.zeros(len(keys), search.dimension)
    search.add(corner, corner, corner + 255, [torch.Generator() for _ in keys], images)


def step(search: PixelProcess, keys: list[int], level: float = 9.0, whole: bool = True) -> list[Tensor]:
    """One round on the bumps of each lane's own image; the candidates that were wanted."""
    candidates, wanted = search.ask(), search.wanted().tolist()
    encoding = FewPixel(search.pixels, search.shape)
    margins = torch.full((len(keys), search.population, 3), torch.inf)
    for lane, key in enumerate(keys):
        clean = image(key, search.shape)
        images = encoding.decode(candidates[lane : lane + 1, : wanted[lane]], clean[None])
        margins[lane, : wanted[lane]] = bumps(clean, level, 1.0, key)(images)
    search.tell(margins.amin(2), margins if whole else None)
    return [lane[:count].clone() for lane, count in zip(candidates, wanted, strict=True)]


def state_of(search: PixelProcess, lane: int) -> list[Tensor]:
    """All that a lane has learnt, to the last bit."""
    assert search._state is not None
    landscape = search._state.models[lane].landscape
    return [landscape.posterior.mean, landscape.posterior.answers, landscape.variance]


def lived(
    search: PixelProcess, cohorts: dict[int, dict[int, int]], limits: list[int], rounds: int
) -> dict[int, list[Tensor]]:
    """Cohorts by the round they begin in, of lanes that end after so many: candidates, and what they know then."""
    keys: list[int] = []
    seen: dict[int, list[Tensor]] = {key: [] for lives in cohorts.values() for key in lives}
    born = {key: number for number, lives in cohorts.items() for key in lives}
    ends = {key: number + life for number, lives in cohorts.items() for key, life in lives.items()}
    for number in range(rounds):
        if number in cohorts:
            add(search, list(cohorts[number]))
            keys += cohorts[number]
        search.limit(torch.tensor([min(limits[number - born[key]] + key % 2, search.pixels) for key in keys]))
        for key, lane in zip(keys, step(search, keys), strict=True):
            seen[key].append(lane)
        search.infeasible()
        for lane, key in enumerate(keys):  # type: ignore[assignment]
            seen[key] += state_of(search, lane) if ends[key] == number + 1 else []
        search.keep(torch.tensor([ends[key] > number + 1 for key in keys]))
        keys = [key for key in keys if ends[key] > number + 1]
    return seen


def alone(make: Callable[[], PixelProcess], lives: dict[int, int], limits: list[int]) -> dict[int, list[Tensor]]:
    """One cohort by itself."""
    return lived(make(), {0: lives}, limits, max(lives.values()))


# Lanes


@pytest.mark.slow
@pytest.mark.parametrize("limits", [[1] * 24, [3] * 24, [3] * 8 + [1] * 8 + [2] * 8])
def test_a_cohort_does_not_depend_on_those_beside_it(limits: list[int]) -> None:
    """Lanes end and cohorts begin at different rounds; each lane is bit for bit as in its cohort alone."""
    cohorts = {0: {0: 24, 1: 24, 2: 5, 3: 14}, 4: {4: 20, 5: 9, 6: 20}, 11: {7: 13}}  # by the round they begin in
    seen = lived(PixelProcess(4, RGB, capacity=40), cohorts, limits, rounds=24)
    for lives in cohorts.values():
        for key, expected in alone(lambda: PixelProcess(4, RGB, capacity=40), lives, limits).items():
            assert all(torch.equal(one, two) for one, two in zip(seen[key], expected, strict=True)), key


@pytest.mark.slow
def test_a_cohort_does_not_depend_on_the_number_of_threads() -> None:
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            lanes = alone(lambda: PixelProcess(4, (32, 32, 3)), {1: 10, 2: 10, 3: 6}, [3] * 10)
            seen.append([entry for lane in lanes.values() for entry in lane])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


@pytest.mark.parametrize("pixels", [1, 3])
def test_lanes_that_are_computed_together_do_what_each_would_do_alone(pixels: int) -> None:
    """But for rounding, which may tip a choice between two probes of the same score: none of these."""
    search, keys = PixelProcess(pixels, RGB), [0, 1, 2]
    add(search, keys)
    together = [step(search, keys) for _ in range(12)]
    for lane, key in enumerate(keys):
        [single] = alone(lambda: PixelProcess(pixels, RGB), {key: 12}, [pixels] * 12).values()
        assert all(torch.equal(one[lane], two) for one, two in zip(together, single[:12], strict=True))


# Genomes


@pytest.mark.parametrize("shape", [RGB, GREY, TINY, (7, 5, 4)])
@pytest.mark.parametrize("pixels", [1, 3])
def test_candidates_are_distinct_sets_of_whole_pixels(pixels: int, shape: tuple[int, int, int]) -> None:
    search, encoding, seen = PixelProcess(pixels, shape), FewPixel(pixels, shape), set()
    add(search, [0])
    clean = image(0, shape)[None]
    lower, upper = encoding.box(clean)
    for _ in range(12):
        candidates = step(search, [0])[0]
        assert ((candidates >= lower) & (candidates <= upper)).all()
        places = candidates.view(len(candidates), pixels, -1)[:, :, :2]
        assert (places < torch.tensor(shape[:2])).all()
        images = encoding.decode(candidates[None], clean)
        assert Bound("few-pixel", pixels).allows(images, clean).all()
        seen |= {tuple(genome) for genome in images.flatten(1).tolist()}
        assert search._state is not None
        asked = len(search._state.models[0].tried)
        assert len(seen) == asked or shape == TINY


def test_batches_grow_and_padding_repeats_the_first() -> None:
    search, counts = PixelProcess(3, RGB), []
    add(search, [0])
    for _ in range(45):
        candidates = search.ask()
        counts.append(int(search.wanted()))
        assert (candidates[0, counts[-1] :] == candidates[0, 0]).all()
        search.tell(candidates.square().sum(2))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (2, 12)


# Arithmetic


def dense(prior: PixelPrior, features: Tensor, sums: np.ndarray, noise: np.ndarray, told: np.ndarray):
    """Mean and variance of all cells by one dense solve in float64, from the definition of the covariance."""
    f = features.flatten(1).T.double().numpy()
    place = prior.place.double().numpy()
    where = np.arange(len(f)) % len(place)
    apart = np.linalg.norm(place[where][:, None] - place[where], axis=2) * 32 / 10  # of a 10 × 10 image
    spread = prior.spread.double().numpy()[where]
    rho = FLOOR + (1 - FLOOR) * np.exp(-((apart / REACH) ** SHARPNESS))
    cells = spread[:, None] * spread * rho * (f @ prior.weights.double().numpy() @ f.T)
    covariance = np.zeros((len(f) + 1, len(f) + 1))
    covariance[:-1, :-1], covariance[-1, -1] = cells, LEVEL
    gain = covariance @ sums.T @ np.linalg.inv(sums @ covariance @ sums.T + np.diag(noise))
    return gain @ told, covariance - gain @ sums @ covariance


def random_landscape(capacity: int, count: int, seed: int = 0):
    """A grey landscape with sets and swaps of 2 told to it in blocks, and the same observations as dense sums."""
    prior = PixelPrior(GREY, torch.device("cpu"))
    features = prior.corner_features(image(3, GREY))
    landscape = Landscape(prior, features, 3, capacity)
    random = torch.Generator().manual_seed(seed)
    cells = torch.randint(200, (count, 2), generator=random)
    whole = torch.randint(2, (count,), generator=random).float()
    signs = torch.stack([torch.ones(count), whole * 2 - 1], 1)
    noise = 0.05 + torch.rand(count, generator=random)
    told = torch.randn(count, 3, generator=random)
    for block in torch.arange(count).split(5):
        learn([landscape], Observations(*(part[block][None] for part in (cells, signs, whole, noise, told))))
    sums = np.zeros((count, 201))
    np.add.at(sums, (np.arange(count)[:, None], cells.numpy()), signs.double().numpy())
    sums[:, -1] = -whole
    return landscape, prior, features, sums, noise.double().numpy(), told.double().numpy()


@pytest.mark.parametrize("capacity", [60, 40])
def test_the_landscape_is_the_dense_gaussian_process(capacity: int) -> None:
    landscape, prior, features, sums, noise, told = random_landscape(capacity, 50)
    last = slice(50 - landscape.count, None)
    assert landscape.count == (50 if capacity == 60 else 30)
    mean, covariance = dense(prior, features, sums[last], noise[last], told[last])
    drops = landscape.drops(torch.arange(3)).flatten(1).T
    np.testing.assert_allclose(drops.numpy(), mean[:-1], atol=2e-4)
    np.testing.assert_allclose(landscape.level.numpy(), mean[-1], atol=2e-3)
    np.testing.assert_allclose(landscape.variance.flatten().numpy(), covariance.diagonal()[:-1], atol=2e-4)
    some = torch.tensor([5, 150, 33, 5])
    np.testing.assert_allclose(
        covariances([landscape], some[None])[0].numpy(), covariance[np.ix_(some, some)], atol=2e-4
    )


def test_a_posterior_takes_no_more_than_it_has_rows_for() -> None:
    posterior = Posterior(1, 4, 1, torch.device("cpu"))
    one = torch.ones(1, 1, 2)
    with pytest.raises(RuntimeError, match="2 observations, 1 were allowed for"):
        observe([posterior], one.long(), one, torch.ones(1, 2, 5), one[0])


def test_the_score_of_a_set_counts_all_its_covariances() -> None:
    landscape = random_landscape(60, 50)[0]
    incumbent = Incumbent(torch.tensor([7, 120]), torch.tensor([1.0, 2.0, 3.0]))
    used = landscape.prior.keys[[7, 120]].sum().view(1, 1)
    [plan] = Pool([landscape], [incumbent], 2, used).take(fresh=1, swaps=0, noise=(0.1, 0.1))
    rivals = torch.tensor([0, 1])
    drop = landscape.drops(rivals).flatten(1)[:, plan.sets[0]].sum(1)
    deviation = covariances([landscape], plan.sets)[0].sum().sqrt() * landscape.scale()[rivals]
    assert plan.best == pytest.approx(((landscape.level[rivals] - drop) / (deviation + 0.05)).amin().item(), rel=1e-3)
    [swap] = Pool([landscape], [incumbent], 2, used).take(fresh=0, swaps=1, noise=(0.1, 0.1))
    pair = covariances([landscape], swap.cells)[0] * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    gain = (landscape.drops(rivals).flatten(1)[:, swap.cells[0]] * swap.signs[0]).sum(1)
    score = (incumbent.margins[rivals] - gain) / (pair.sum().sqrt() * landscape.scale()[rivals] + 0.05)
    assert swap.best == pytest.approx(score.amin().item(), rel=1e-3)


def test_a_scan_takes_cells_that_lie_apart_and_were_not_tried() -> None:
    landscape = random_landscape(60, 50)[0]
    first = scan([landscape], [torch.tensor([], dtype=torch.long)], 4)[0].sets[:, 0]
    place = landscape.prior.place[first % 100]
    assert torch.pdist(place).min() > 2.5
    assert first[0] not in scan([landscape], [first[:1]], 4)[0].sets


# Success and failure


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pixels", "shape", "whole"), [(1, RGB, True), (3, RGB, True), (3, RGB, False), (2, GREY, True)]
)
def test_planted_solutions_are_found(pixels: int, shape: tuple[int, int, int], whole: bool) -> None:
    """The margin falls below zero only within 90 % of the best that the landscape allows."""
    for key in range(3):
        clean = image(key, shape)
        best = greatest_drop(clean, pixels, key)
        search, level = PixelProcess(pixels, shape), 0.9 * best
        add(search, [key])
        for _ in range(30):
            step(search, [key], level, whole)
        genome = search.incumbent(0)[None, None]
        found = bumps(clean, level, 1.0, key)(FewPixel(pixels, shape).decode(genome, clean[None]))
        assert found.amin() < 0, key


def greatest_drop(clean: Tensor, pixels: int, key: int) -> float:
    """By which the lower of the two margins can fall: every pixel at its farthest corner, the best of them added."""
    farthest = torch.where(clean < 128, 255.0, 0.0)
    flat = clean.flatten(0, 1)
    each = flat.repeat(len(flat), 1, 1)
    each[torch.arange(len(flat)), torch.arange(len(flat))] = farthest.flatten(0, 1)
    margins = bumps(clean, 0.0, 1.0, key)(each.view(-1, *clean.shape))[:, :2]
    return -float(margins.topk(pixels, 0, largest=False).values.sum(0).amin())


@pytest.mark.parametrize(("level", "gives_up"), [(100.0, True), (1.0, False)])
def test_one_pixel_is_given_up_only_where_it_has_no_chance(level: float, gives_up: bool) -> None:
    search = PixelProcess(1, RGB)
    add(search, [0])
    infeasible = []
    for _ in range(25):
        step(search, [0], level)
        infeasible.append(bool(search.infeasible()))
    assert not any(infeasible[:10])
    assert infeasible[-1] == gives_up


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_answers_that_are_no_numbers_are_passed_over(bad: float) -> None:
    search = PixelProcess(2, GREY, capacity=24)
    add(search, [0])
    for number in range(12):
        candidates = search.ask()
        fitness = candidates.square().sum(2) / 1e4
        fitness[:, number % 2 :] = bad
        search.tell(fitness)
        assert candidates.isfinite().all()
    assert search.incumbent(0).isfinite().all()


# Arguments


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="pixels is 0, must be at least 1"):
        PixelProcess(0, RGB)
    with pytest.raises(ValueError, match="images have 5 channels, must have 1 to 4"):
        PixelProcess(1, (8, 8, 5))
    with pytest.raises(ValueError, match="capacity is 9, must be at least 24"):
        PixelProcess(1, RGB, capacity=9)
    search = PixelProcess(1, RGB)
    corner = torch.zeros(1, 5)
    with pytest.raises(ValueError, match=r"images are None, must be \(1, 16, 12, 3\)"):
        search.add(corner, corner, corner, [torch.Generator()])
    add(search, [0])
    with pytest.raises(RuntimeError, match="lane 0 of 1 was told 0 finite answers"):
        search.incumbent(0)
