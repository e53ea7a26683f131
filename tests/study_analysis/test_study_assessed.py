"""A run as the study's analyses see it: its role, its levels, and whether it may stand beside another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import DEFAULT_SAMPLES
from pixelproof.results.intervals import Rate
from pixelproof.results.study import Assessed, comparable, comparable_study, in_role, level_runs, one_each
from pixelproof.results.study.comparable import _DEFAULT_SAMPLES

RunMaker = Callable[..., Assessed]
THREE = [1, 4, None]


def test_what_a_run_is(run: RunMaker) -> None:
    found = run("resnet20", THREE, [2, 3, 11], defence="tvm", clean=(45, 50))
    assert (found.label, found.role, found.clean, found.asked) == ("resnet20 + tvm", "levels", Rate(45, 50), 3)
    assert {th: found.fooled["few-pixel", th] for th in (1, 3, 5, 10)} == {
        1: Rate(1, 3),
        3: Rate(1, 3),
        5: Rate(2, 3),
        10: Rate(2, 3),
    }
    assert found.fooled["threshold", 10] == Rate(2, 3)
    assert found.finished


@pytest.mark.parametrize("role", ["levels", "cma-es", "de", "minimal"])
def test_roles(run: RunMaker, role: str) -> None:
    assert run("a", THREE, THREE, role).role == role


def test_minimal_thresholds_stand_for_levels(run: RunMaker) -> None:
    assert run("a", THREE, THREE, "minimal").fooled == run("a", THREE, THREE).fooled


def test_levels_are_of_one_kind_only(run: RunMaker) -> None:
    one, other, slow = run("a", THREE, THREE), run("b", THREE, THREE, "de"), run("b", THREE, THREE, "cma-es")
    assert level_runs([other, one, slow]) == [one]
    assert level_runs([other, slow]) == [slow]
    assert level_runs([]) == []
    assert in_role([one, other], "de") == [other]


@pytest.mark.parametrize(
    ("model", "spec", "label"),
    [
        ("zoo:resnet20", {"defence": None}, "resnet20"),
        ("zoo:resnet20 + tvm", {"defence": "tvm"}, "resnet20 + tvm"),
        ("zoo:resnet20-fast", {}, "resnet20 + fast AT"),
        ("zoo:resnet20-pgd + tvm", {"defence": "tvm"}, "resnet20 + PGD AT + tvm"),
        ("net.py:break-fast", {}, "net.py:break-fast"),
    ],
)
def test_names_and_defences_of_a_manifest(run: RunMaker, model: str, spec: dict[str, Any], label: str) -> None:
    assert run(model, THREE, THREE, spec=spec).label == label
    assert run(model, THREE, THREE, spec=spec, called="x", defence="y").label == "x + y"


def test_classes_of_one_name_are_told_apart(run: RunMaker) -> None:
    assert replace(run("a", THREE, THREE), class_names=("x", "y", "x")).classes == ("x (0)", "y", "x (2)")


def test_two_runs_of_one_label(run: RunMaker) -> None:
    with pytest.raises(InputError, match="Two runs of one kind are called a: give them names that differ"):
        one_each([run("a", THREE, THREE), run("a", THREE, THREE)])


def test_runs_that_differ_in_the_network_alone(run: RunMaker) -> None:
    one, other = run("a", THREE, THREE), run("b", [None] * 3, THREE, labels=[3, 3, 3], clean=(1, 2))
    assert comparable([one, other]) == []
    assert comparable([one]) == comparable([]) == []


def test_asking_for_nothing_asks_for_the_default(run: RunMaker) -> None:
    assert _DEFAULT_SAMPLES == DEFAULT_SAMPLES
    assert comparable([run("a", THREE, THREE, samples=None), run("b", THREE, THREE, samples=DEFAULT_SAMPLES)]) == []


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"thresholds": (1, 3)}, "thresholds: 1, 3, 5, 10 against 1, 3"),
        ({"sha256": "ef" * 32}, "data: cifar10-test (cdcdcdcdcdcd) against cifar10-test (efefefefefef)"),
        ({"shuffle": 7}, "selection: 3 samples in file order against 3 samples in the order shuffled by seed 7"),
        ({"samples": 50}, "selection: 3 samples in file order against 50 samples in file order"),
        ({"target": "next"}, "selection: 3 samples in file order against 3 samples in file order, aimed at next"),
        ({"nested": False}, "how thresholds were searched: from the lowest up against each alone"),
        ({"role": "de"}, "search (Few-pixel (L0), th = 1): pixel-process against DE"),
    ],
)
def test_a_difference_is_named_with_both_runs(run: RunMaker, options: dict[str, Any], difference: str) -> None:
    runs = [run("a", THREE, THREE), run("b", THREE, THREE, **options)]
    with pytest.raises(InputError) as refused:
        comparable(runs)
    assert str(refused.value).startswith(f"a and b differ in {difference}; compare")
    assert str(comparable(runs, force=True)[0]) == f"a and b differ in {difference}"


def test_norms_and_budget(run: RunMaker) -> None:
    plans = [{"constraint": "few-pixel", "threshold": 1, "method": "pixel-process", "max_queries": 9}]
    found = comparable([run("a", THREE, THREE), run("b", THREE, None, searches=plans)], force=True)
    assert [str(difference).removeprefix("a and b differ in ") for difference in found] == [
        "norms: few-pixel and threshold against few-pixel",
        "thresholds: 1, 3, 5, 10 against 1",
        "budget (Few-pixel (L0), th = 1): 1,000 queries a sample against 9 queries a sample",
    ]


def test_a_study_holds_runs_of_several_roles(run: RunMaker) -> None:
    roles = ("levels", "cma-es", "de", "minimal")
    runs = [run(name, THREE, THREE, role) for name in ("a", "b") for role in roles]
    assert comparable_study(runs) == []
    short = run("c", THREE, THREE, "de", thresholds=(1,))
    with pytest.raises(InputError, match="a and c differ in thresholds: 1, 3, 5, 10 against 1;"):
        comparable_study([*runs, short])
    with pytest.raises(InputError, match="a and c differ in data"):
        comparable_study([*runs, run("c", THREE, THREE, "minimal", sha256="00")])


def test_networks_run_in_other_roles_may_not_stand_together(run: RunMaker) -> None:
    runs = [run("a", THREE, THREE), run("a", THREE, THREE, "de"), run("b", THREE, THREE, "minimal")]
    with pytest.raises(InputError, match="a and b differ in what was run: levels and de against minimal"):
        comparable_study(runs)
    assert [d.what for d in comparable_study(runs, force=True)] == ["what was run"]
    assert comparable_study([]) == []
