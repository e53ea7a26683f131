"""The truth that recall is measured against: what is planted in each grid, or between them, is found and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import networks
from benchmarks.options import Options
from benchmarks.pictures import Pictures
from benchmarks.proofs import recall, truth
from torch import Tensor, nn

CELLS = 4 * 4


class Planted(nn.Module):
    """Class 0, but near one colour of one pixel, (2, 1): there class 1. The margin falls towards it."""

    colour: Tensor

    def __init__(self, colour: tuple[int, int, int], radius: float) -> None:
        super().__init__()
        self.register_buffer("colour", torch.tensor(colour).float())
        self.radius, self.asked = radius, 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        margin = ((x[:, :, 2, 1] * 255 - self.colour).norm(dim=1) - self.radius) / 100
        return torch.stack([margin, torch.zeros_like(margin)], 1)


def pictures(count: int = 1) -> Pictures:
    images = np.full((count, 4, 4, 3), 200, np.uint8)
    images[:, 2, 1] = 60 + 10 * np.arange(count, dtype=np.uint8)[:, None]  # so that it is class 0
    return Pictures(images, np.zeros(count, np.int64), 2, tuple(range(7, 7 + count)))


@pytest.mark.parametrize(
    ("colour", "radius", "stages", "colours"),
    [((255, 0, 255), 1, 1, 8), ((255, 128, 0), 1, 2, 27), ((191, 64, 255), 1, 3, 125), ((225, 95, 30), 30, 6, None)],
)
def test_the_truth_looks_at_every_grid_and_then_between(
    colour: tuple[int, int, int], radius: float, stages: int, colours: int | None
) -> None:
    network, one = Planted(colour, radius), pictures()
    found = truth.of_image(network, one.images[0], 0, 7)
    assert found.broken is not None
    assert found.broken[:2] == (2, 1)
    assert float((torch.tensor(found.broken[2:]) - network.colour).norm()) < radius
    assert len(found.lowest) == stages if colours else 3 < len(found.lowest) <= 9
    assert found.asked == CELLS * (colours or 125) + (len(found.lowest) - 3 if not colours else 0) * 240


def test_what_nothing_breaks_is_asked_everything_once(tmp_path: Path) -> None:
    network, one = Planted((-900, 0, 0), 1), pictures()
    [found] = truth.known(network, "planted", one, tmp_path)
    assert found.broken is None
    assert found.asked == CELLS * 125 + 6 * 240
    before = network.asked
    assert truth.known(network, "planted", one, tmp_path) == [found]
    assert network.asked == before


def test_rows_count_what_auto_finds_of_what_is_breakable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXELPROOF_CHECKPOINT", raising=False)  # the second network is not at hand
    monkeypatch.setitem(networks.NETWORKS, "planted", lambda: Planted((255, 0, 255), 30))
    monkeypatch.setattr(recall, "correct", lambda *_: pictures(2))
    monkeypatch.setattr(recall, "TARGETS", {300: 95.0})
    rows = recall.rows(Options(), tmp_path, ["planted", "public-resnet20"])
    assert [(row["found"], row["breakable"], row["value"], row["holds"]) for row in rows] == [(2, 2, 100.0, True)] * 2


def test_what_is_recorded_is_asked_again_only_where_it_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, both = Planted((255, 0, 255), 1), pictures(2)
    key = f"planted-{truth._digest(network)}"
    record = tmp_path / "truth.json"
    monkeypatch.setattr(truth, "RECORDED", record)

    def recorded(asked: list[int], broken: dict[str, list[int]]) -> list[bool]:
        record.write_text(json.dumps({"networks": {key: {"asked": asked, "broken": broken}}}), "utf-8")
        network.asked = 0
        return truth.breakable(network, "planted", both, tmp_path / "folder")

    assert recorded([7, 8], {"7": [2, 1, 255, 0, 255]}) == [True, False]
    assert network.asked <= 2 * CELLS
    assert recorded([7, 8], {"7": [2, 1, 0, 0, 0]}) == [False, False]  # a record that is wrong
    assert recorded([7], {}) == [True, True]  # image 8 is not in it
    assert network.asked > 8 * CELLS
