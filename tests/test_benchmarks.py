"""The harness of `make bench`: the judge of success, the rows and the white-box limit, on networks of closed form."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks import against, bench, board, check, figure, judged, summary, whitebox
from benchmarks.missing import MissingError, optional
from benchmarks.ours import assess, need
from benchmarks.pictures import Pictures
from benchmarks.sampling import sampled, shares
from benchmarks.variants import VARIANTS, variant
from torch import Tensor, nn


class Brightness(nn.Module):
    """Class 1 where the mean of all channel values exceeds ``limit`` grey levels, class 0 below it."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = nn.Parameter(torch.tensor(float(limit)))

    def forward(self, x: Tensor) -> Tensor:
        over = x.flatten(1).mean(1) * 255 - self.limit
        return torch.stack([-over, over], 1)


def grey(levels: list[int], size: int = 4) -> Pictures:
    images = np.stack([np.full((size, size, 3), level, np.uint8) for level in levels])
    return Pictures(images, np.zeros(len(levels), np.int64), 2, tuple(range(len(levels))))


def test_success_needs_another_class_and_the_constraint_in_integers() -> None:
    clean = grey([100] * 4)
    images = clean.images.copy()
    images[0] += 3  # fooled, within 3
    images[1] += 4  # fooled, too far
    images[2] += 1  # within, not fooled
    images[3, 0, :2] = 255  # two pixels of 16: fooled
    labels = clean.labels
    network = Brightness(102.5)
    assert check.stands(network, clean.images, images, labels, "threshold", 3) == [True, False, False, False]
    assert check.stands(network, clean.images, images, labels, "few-pixel", 2) == [False, False, False, True]
    assert check.stands(network, clean.images, images, labels, "few-pixel", 1) == [False] * 4
    assert check.stands(network, clean.images, images, labels, "few-pixel", None) == [True, True, False, True]


def test_scores_that_are_no_numbers_are_no_success() -> None:
    clean = grey([100])
    assert check.stands(Brightness(float("nan")), clean.images, clean.images, clean.labels, "threshold", 1) == [False]


def test_only_8_bit_images_are_judged_and_floats_are_rounded_to_them() -> None:
    clean = grey([100])
    with pytest.raises(ValueError, match=r"must be \(1, 4, 4, 3\) uint8"):
        check.stands(Brightness(90), clean.images, clean.images / 255, clean.labels, "threshold", 1)
    assert (check.to_8_bit(check.to_unit(clean.images) + 0.4 / 255) == clean.images).all()
    assert (check.to_8_bit(check.to_unit(clean.images) + 2) == 255).all()


@pytest.mark.slow
def test_pixelproof_is_run_and_judged_like_a_peer() -> None:
    own = assess(Brightness(100.5), Brightness(100.5), grey([100, 40]), "threshold", 2, budget=400)
    assert own.fooled == [True, False]
    assert own.queries[1] <= own.budget == 400
    assert own.refused == 0
    assert own.success == 50
    assert own.mean_full >= own.mean_queries
    stricter = assess(Brightness(100.5), Brightness(200), grey([100, 40]), "threshold", 2, budget=400)
    assert (stricter.fooled, stricter.refused) == ([False, False], 1)


def test_the_white_box_limit_is_the_closed_form_one() -> None:
    found = whitebox.minimal_thresholds(Brightness(102.5), grey([102, 101, 99, 50]), 8, steps=20, restarts=1)
    assert found.tolist() == [1, 2, 4, 9]


def test_a_part_replaces_its_own_rows_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    board.write("speed/a", [judged.at_most("a", 2.0, "×", 1.05)], "bench a", 1, path)
    board.write("peers/b", [judged.at_least("b", 50, "% of images fooled", None)], "bench b", 2, path)
    board.write("speed/a", [judged.at_most("a", 1.0, "×", 1.05)], "bench a", 3, path)
    kept = json.loads(path.read_text("utf-8"))
    assert [(row["claim"], row["value"], row["holds"]) for row in kept["rows"]] == [("b", 50, None), ("a", 1.0, True)]
    assert all({"claim", "value", "unit", "target", "holds", "command"} <= row.keys() for row in kept["rows"])
    assert kept["parts"]["speed/a"]["environment"]["date"]
    assert [row["claim"] for row in board.rows("speed", path)] == ["a"]


def _row(**values: Any) -> dict[str, Any]:
    common = {"attack": "threshold", "threshold": 1, "attacked": 5, "mean_queries": 9.0, "seconds_per_image": 1.0}
    return {**judged.at_least("x", 40.0, "% of images fooled", 50), **common, **values}


@pytest.mark.slow
def test_the_summary_and_the_figure_show_ours_beside_theirs() -> None:
    rows = [
        _row(part="strength/x", search="auto"),
        _row(part="peers/y", tool="ART", settings="its own", peer="art"),
    ]
    text = summary.text({"rows": rows})
    assert "pixelproof auto" in text
    assert "ART (its own)" in text
    assert "0 of 2 targets reached" in text
    assert "<svg" in figure.drawing(rows).svg()


def test_words_beside_close_points_stand_apart() -> None:
    words = [
        ("high", 41.0, 1.0),
        ("low", 40.0, 1.0),
        ("elsewhere", 40.0, 0.02),
        ("far", 40.0, 500.0),
        ("zero", 0.0, 1.0),
    ]
    assert figure._heights(words) == [45.0, 40.0, 40.0, 40.0, 2.5]


def test_every_part_has_a_name_and_unknown_sections_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert bench.main(["--list", "--out", str(tmp_path / "none.json")]) == 0
    names = capsys.readouterr().out.split("\n")
    assert {name.partition("/")[0] for name in names if name} == set(bench.SECTIONS)
    assert len(set(names)) == len(names)
    with pytest.raises(SystemExit):
        bench.main(["nonsense"])
    assert "there is no section nonsense" in capsys.readouterr().err


def test_what_is_missing_is_said_in_one_sentence() -> None:
    with pytest.raises(MissingError, match=r"no_such_peer is not installed; run: pip install"):
        optional("no_such_peer.attacks")
    with pytest.raises(MissingError, match="no search called nonsense"):
        need("nonsense")


def test_art_gets_its_own_budget() -> None:
    assert against.budget("art-pixel-de", 1) == 101 * 400 + 1
    assert against.budget("art-pixel-cma", 1) == 100 * 8 + 1
    assert against.budget("art-threshold-de", 1) == 101 * 3072 + 1
    assert against.budget("art-threshold-cma", 1) == 100 * 28 + 1


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_keep_the_class(name: str) -> None:
    images = check.to_unit(grey([0, 255]).images)
    assert variant(name, Brightness(128), 0)(images).argmax(1).tolist() == [0, 1]


def test_the_sampler_names_rooms() -> None:
    counts = Counter[str]()
    with sampled(counts):
        assess(Brightness(200), Brightness(200), grey([10, 20, 30, 40], 16), "threshold", 1, budget=60)
    assert set(shares(counts)) & {"models", "search", "engine"}
