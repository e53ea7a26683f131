"""Wins, the main table, class maps, areas and norms against tables whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

import pytest

from pixelproof.results.intervals import Rate
from pixelproof.results.study import (
    Assessed,
    Duel,
    Line,
    MainTable,
    Tally,
    areas,
    class_maps,
    dualities,
    duels,
    headline_networks,
    main_table,
    one_norm_only,
    published_lines,
    tally,
)
from pixelproof.results.study.published import CMA_ES, DE

RunMaker = Callable[..., Assessed]


def line(name: str, *percents: int, defence: str | None = None) -> Line:
    """Of 100 samples, few-pixel at th 1, 3 …"""
    rates = {("few-pixel", th): Rate(percent, 100) for th, percent in zip((1, 3), percents, strict=False)}
    return Line(name, defence, f"{name} + {defence}" if defence else name, Rate(80, 100), rates)


def test_wins(run: RunMaker) -> None:
    runs = [
        run("a", [1, 3, None], [2, 2, 2], "de"),
        run("a", [1, 4, 4], [2, 2, 11], "cma-es"),
        run("b", [1, 1, 1], [1, 1, 1], "de"),
        run("a", [1, 1, 1], [1, 1, 1]),
    ]
    found = duels(runs)
    assert [(d.label, d.attack, d.threshold, d.winner) for d in found] == [
        ("a", "few-pixel", 1, None),
        ("a", "few-pixel", 3, "de"),
        ("a", "few-pixel", 5, "cma-es"),
        ("a", "few-pixel", 10, "cma-es"),
        ("a", "threshold", 1, None),
        ("a", "threshold", 3, "de"),
        ("a", "threshold", 5, "de"),
        ("a", "threshold", 10, "de"),
    ]
    assert found[1] == Duel("a", "few-pixel", 3, de=Rate(2, 3), cma_es=Rate(1, 3))
    assert tally(found) == Tally(de=4, cma_es=2, ties=2)
    assert duels([]) == []


@pytest.mark.parametrize(("attack", "de", "cma_es"), [("few-pixel", 6, 2), ("threshold", 0, 8)])
def test_wins_of_the_papers(attack: str, de: int, cma_es: int) -> None:
    """Table III (2019); its text has both win equally often under L0, against its own figures and bold marks."""
    found = [
        Duel(name, *level, Rate(percent, 100), Rate(CMA_ES[name][level], 100))
        for name, row in DE.items()
        for level, percent in row.items()
        if level[0] == attack
    ]
    assert tally(found) == Tally(de, cma_es, 0)


def test_bold_are_the_lowest_and_all_within_five_points() -> None:
    table = MainTable((line("a", 9, 40), line("b", 14, 45), line("c", 15, 46), line("d", 90, 40)))
    assert table.bold["few-pixel", 1] == {"a", "b"}
    assert table.bold["few-pixel", 3] == {"a", "b", "d"}
    assert table.ranking == [("a", 2), ("b", 2), ("d", 1), ("c", 0)]


def test_five_points_are_exact_for_any_number_of_samples() -> None:
    rates = [Rate(0, 20), Rate(1, 20), Rate(5, 100), Rate(51, 1000)]
    lines = (Line(str(k), None, str(k), Rate(1, 1), {("threshold", 1): rate}) for k, rate in enumerate(rates))
    assert MainTable(tuple(lines)).bold["threshold", 1] == {"0", "1", "2"}


def test_defences_stand_apart_and_have_their_accuracy_under_attack() -> None:
    table = MainTable((line("a", 50, 60), line("a", 10, defence="tvm")))
    assert table.bold == {("few-pixel", 1): {"a"}, ("few-pixel", 3): {"a"}}
    assert ([n.label for n in table.networks], [d.label for d in table.defences]) == (["a"], ["a + tvm"])
    (defence,) = table.defences
    assert defence.under_attack(("few-pixel", 1)) == pytest.approx(0.8 * 0.9)
    assert defence.under_attack(("few-pixel", 3)) is None
    assert defence.mean("few-pixel", table.levels) is None
    assert table.networks[0].mean("few-pixel", table.levels) == pytest.approx(0.55)
    assert table.networks[0].mean("threshold", table.levels) is None


def test_missing_levels(run: RunMaker) -> None:
    table = main_table([run("a", [1, None], None), run("b", [1, 1], [1, 1], thresholds=(1,))])
    assert table.levels == [("few-pixel", 1), ("few-pixel", 3), ("few-pixel", 5), ("few-pixel", 10), ("threshold", 1)]
    assert table.bold["threshold", 1] == {"b"}
    assert table.bold["few-pixel", 1] == {"a"}
    assert MainTable(()).ranking == []


def test_the_papers_marks_and_ranking() -> None:
    """Table IV (2019) as its bold figures are; the text: CapsNet and AllConv have five, the third place three."""
    table = MainTable(tuple(published_lines()))
    assert table.bold == {
        ("few-pixel", 1): {"WideResNet", "DenseNet", "ResNet", "AllConv"},
        ("few-pixel", 3): {"AllConv"},
        ("few-pixel", 5): {"CapsNet"},
        ("few-pixel", 10): {"CapsNet"},
        ("threshold", 1): {"NIN", "AllConv", "CapsNet"},
        ("threshold", 3): {"CapsNet"},
        ("threshold", 5): {"DenseNet", "ResNet", "AllConv", "CapsNet"},
        ("threshold", 10): {"DenseNet", "AllConv"},
    }
    assert table.ranking[:3] == [("AllConv", 5), ("CapsNet", 5), ("DenseNet", 3)]


def test_the_papers_accuracy_under_attack() -> None:
    """Table V (2019) takes whole percents of clean accuracy and cuts the product off; FS is reckoned with AT's 87 %."""
    printed = {
        "AT": (87, (67, 41, 29, 12, 84, 76, 65, 37)),
        "TVM": (47, (39, 41, 37, 35, 45, 45, 44, 40)),
        "FS": (87, (72, 44, 26, 19, 64, 32, 29, 22)),
    }
    for defence in MainTable(tuple(published_lines())).defences:
        clean, expected = printed[defence.label]
        whole = Line(defence.name, defence.defence, defence.label, Rate(clean, 100), defence.fooled)
        shares = [whole.under_attack(level) for level in defence.fooled]
        assert tuple(floor(100 * share + 1e-9) for share in shares if share is not None) == expected


def test_class_maps(run: RunMaker) -> None:
    runs = [run("a", [1, 2, 1, None], [20, 3, 1, 4], labels=[3, 3, 5, 5]), run("b", [1], None, labels=[0])]
    first, last, low, high = class_maps(runs)
    assert [(m.attack, m.threshold) for m in (first, last, low, high)] == [
        ("few-pixel", 1),
        ("few-pixel", 10),
        ("threshold", 1),
        ("threshold", 10),
    ]
    cat, dog = first.classes.index("cat"), first.classes.index("dog")
    assert (first.rows["a"][cat], first.rows["a"][dog], first.rows["a"][0]) == (Rate(1, 2), Rate(1, 2), None)
    assert (last.rows["a"][cat], last.rows["a"][dog]) == (Rate(2, 2), Rate(1, 2))
    assert (high.rows["a"][cat], high.rows["a"][dog]) == (Rate(1, 2), Rate(2, 2))
    assert first.rows["b"] == (Rate(1, 1), *[None] * 9)
    assert set(low.rows) == {"a"}
    assert class_maps([]) == []


def test_dualities(run: RunMaker) -> None:
    rows = dualities([run("a", [1, 4, 11, 11], [1, 11, 2, 11]), run("b", [1, 1], [1, 11]), run("c", [1], None)])
    assert [(r.label, r.row.threshold, r.one_norm_only) for r in rows] == [
        ("a", 1, Rate(0, 4)),
        ("a", 3, Rate(1, 4)),
        ("a", 5, Rate(2, 4)),
        ("a", 10, Rate(2, 4)),
        ("b", 1, Rate(1, 2)),
        ("b", 3, Rate(1, 2)),
        ("b", 5, Rate(1, 2)),
        ("b", 10, Rate(1, 2)),
    ]
    assert one_norm_only(rows) == {1: Rate(1, 6), 3: Rate(2, 6), 5: Rate(3, 6), 10: Rate(3, 6)}
    assert headline_networks(rows) == "all networks"


def test_the_headline_is_of_networks_without_a_defence_where_there_are_any(run: RunMaker) -> None:
    bare, defended = run("a", [1, 11], [1, 1]), run("a", [1, 1], [11, 11], defence="tvm")
    rows = dualities([bare, defended])
    assert one_norm_only(rows)[1] == Rate(1, 2)
    assert headline_networks(rows) == "the networks without a defence"
    assert one_norm_only(dualities([defended]))[1] == Rate(2, 2)


def test_areas(run: RunMaker) -> None:
    """1, 3, 3, 7 of four samples: 2 × (1 + 3)/2 + 1 × (3 + 7)/2 = 9 samples × th, 225 percent × th; Σ = 14, 350."""
    runs = [run("a", [1, 3, 3, 7], [1, None, 1, 1], "minimal"), run("b", [1], [2], "minimal"), run("a", [1], [1])]
    found = areas(runs)
    assert [(a.label, a.minimal.attack) for a in found] == [
        ("a", "few-pixel"),
        ("b", "few-pixel"),
        ("a", "threshold"),
        ("b", "threshold"),
    ]
    assert (found[0].minimal.published_area, found[0].minimal.area) == (225, 350)
    assert (found[2].minimal.never, found[2].minimal.published_area, found[2].minimal.area) == ((1,), 0, 3250)
