"""Searches that do not fit into memory are refused before anything is asked."""

import numpy as np
import pytest
import torch
from torch import Tensor

import pixelproof as pp
from pixelproof.jobs import room
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.search.registry import SEARCHES, Problem
from pixelproof.search.search import LaneState

CPU = torch.device("cpu")
GIB = 1 << 30


def check(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], memory: int, **options: object) -> None:
    monkeypatch.setattr(room, "_memory", lambda device: memory)
    room.check_room(resolve(make_spec(model="m", data="d", **options), shape, "cpu").searches, shape, CPU)


@pytest.mark.parametrize(
    ("shape", "memory", "options"),
    [((32, 32, 3), 4 * GIB, {}), ((224, 224, 3), 4 * GIB, {}), ((1024, 1024, 3), 16 * GIB, {})],
)
def test_usual_images_fit(monkeypatch, shape, memory, options):
    check(monkeypatch, shape, memory, **options)


@pytest.mark.parametrize(
    ("search", "attack", "side"),
    [
        ("pixel-process", "few-pixel", 2000),
        ("gradient-regression", "threshold", 5000),
        ("textures", "threshold", 15000),
        ("de", "threshold", 4000),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(monkeypatch, search, attack, side):
    with pytest.raises(pp.InputError, match=rf"^--search {search} would take \d.* GB .* 24 GB: give smaller") as caught:
        check(monkeypatch, (side, side, 3), 24 * 10**9, search=search, attacks=[attack])
    assert "\n" not in str(caught.value)


def test_where_the_system_does_not_tell_its_memory_nothing_is_refused(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    searches = resolve(make_spec(model="m", data="d", attacks=["threshold"]), (20_000, 20_000, 3), "cpu").searches
    room.check_room(searches, (20_000, 20_000, 3), CPU)


def test_a_run_says_so_before_its_model_is_asked(monkeypatch):
    monkeypatch.setattr(room, "_memory", lambda device: 10_000)

    def never(images: Tensor) -> Tensor:
        raise AssertionError("asked")

    data = pp.ImageSet(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, np.int64), ["a", "b"])
    with pytest.raises(pp.InputError, match="would take"):
        pp.assess(never, data, levels=(1,))


@pytest.mark.parametrize("name", ["textures", "square", "sep-cma-es", "de"])
def test_a_lane_takes_no_more_than_it_says(name):
    shape, lanes = (96, 96, 3), 2
    dimension = 96 * 96 * 3
    search = SEARCHES[name].build(Problem(dimension, 3, shape, sigma=1.0 if SEARCHES[name].evolves else None))
    start = torch.zeros(lanes, dimension)
    search.add(start, start - 3, start + 3, [torch.Generator().manual_seed(k) for k in range(lanes)])
    candidates = search.ask()
    state = search._state
    assert isinstance(state, LaneState)
    held = sum(x.numel() * x.element_size() for x in [*vars(state).values(), candidates] if isinstance(x, Tensor))
    held += sum(x.numel() * x.element_size() for each in vars(state).values() if isinstance(each, list) for x in each
                if isinstance(x, Tensor))  # fmt: skip
    assert held <= lanes * search.lane_bytes
    assert search.lane_bytes <= 20 * held / lanes
