"""What is asked for, checked, and the numbers it resolves to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelproof.errors import InputError
from pixelproof.spec import SearchSettings, Settings, make_spec, resolve

CIFAR = (32, 32, 3)


def _resolve(shape: tuple[int, int, int] = CIFAR, **options: object) -> Settings:
    return resolve(make_spec(model="m", data="d", **options), shape, "cpu")


def _search(attack: str, threshold: int, shape: tuple[int, int, int] = CIFAR, **options: object) -> SearchSettings:
    settings = _resolve(shape, attacks=[attack], levels=[threshold], **options)
    return settings.searches[0]


def test_the_defaults():
    settings = _resolve()
    assert [(s.attack, s.threshold) for s in settings.searches] == [
        (attack, th) for attack in ("few-pixel", "threshold") for th in (1, 3, 5, 10)
    ]
    assert {s.max_queries for s in settings.searches} == {1000}
    assert (settings.nested, settings.target, settings.fitness, settings.seed) == (True, "none", "margin", 0)


@pytest.mark.parametrize(
    ("attack", "search", "expected"),
    [
        ("few-pixel", "cma-es", ("cma-es", None, 31.75, 40_001)),
        ("threshold", "cma-es", ("sep-cma-es", None, 0.75, 39_201)),
        ("few-pixel", "de", ("de", 400, None, 400 * 101 + 1)),
        ("threshold", "de", ("de", 3072, None, 3072 * 101 + 1)),
    ],
)
def test_the_papers_settings(attack, search, expected):
    s = _search(attack, 3, preset="paper", search=search)
    assert (s.search, s.population, s.sigma, s.max_queries) == expected


@pytest.mark.parametrize(("preset", "queries", "population"), [("quick", 1000, 40), ("standard", 10_000, 100)])
def test_smaller_presets(preset, queries, population):
    assert _search("few-pixel", 1, preset=preset).max_queries == queries
    assert _search("few-pixel", 1, preset=preset, search="de").population == population


def test_the_budget_given_goes_before_the_presets():
    assert _search("few-pixel", 1, preset="paper", max_queries=77).max_queries == 77


@pytest.mark.parametrize(
    ("attack", "threshold", "shape", "search"),
    [
        ("few-pixel", 10, CIFAR, "cma-es"),  # 50 numbers
        ("few-pixel", 60, CIFAR, "cma-es"),  # 300
        ("few-pixel", 61, CIFAR, "sep-cma-es"),
        ("threshold", 1, (10, 10, 3), "cma-es"),  # 300
        ("threshold", 1, (7, 43, 1), "sep-cma-es"),  # 301
    ],
)
def test_the_full_covariance_is_kept_to_a_few_hundred_dimensions(attack, threshold, shape, search):
    assert _search(attack, threshold, shape, search="cma-es").search == search


def test_the_separable_search_can_be_asked_for():
    assert _search("few-pixel", 1, search="sep-cma-es").search == "sep-cma-es"


def test_levels_and_attacks_are_put_in_order_and_doubles_dropped():
    spec = make_spec(model="m", data="d", levels=[10, 1, 10], attacks=["threshold", "few-pixel", "threshold"])
    assert spec.levels == (1, 10)
    assert spec.attacks == ("threshold", "few-pixel")


def test_a_class_number_may_be_a_number():
    assert make_spec(model="m", data="d", target=3).target == "3"


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_batch_depends_on_the_kind_of_device_only(kind):
    a, b = (resolve(make_spec(model="m", data="d", seed=seed), CIFAR, kind) for seed in (0, 1))
    assert a.batch_size == b.batch_size == {"cpu": 64, "cuda": 1024}[kind]
    assert replace(a, seed=1) == b


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"levels": [0]}, r"--levels: every level th must lie in 1\.\.255, not \[0\] \(given: \[0\]\)\."),
        ({"max_queries": 1}, r"--max-queries: input should be greater than or equal to 2 \(given: 1\)\."),
        ({"levles": [1]}, r"There is no option --levles\."),
        ({"target": None}, "--target"),
        ({"levels": 5}, "--levels"),
        ({"attacks": "few-pixel"}, "--attacks"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_option(options, text):
    with pytest.raises(InputError, match=text) as caught:
        make_spec(model="m", data="d", **options)
    assert "\n" not in str(caught.value)


def test_a_spec_survives_json():
    spec = make_spec(model="m", data="d", range=(0, 5), levels=[1, 3], target="next")
    assert make_spec(**spec.model_dump(mode="json")) == spec
