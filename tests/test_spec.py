"""What is asked for, checked, and the numbers it resolves to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelproof.engine.settings import SearchSettings, Settings
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import COHORT, make_spec, resolve
from pixelproof.search.registry import SEARCHES

CIFAR = (32, 32, 3)
ATTACK_OF = {name: entry.constraint for name, entry in SEARCHES.items() if entry.constraint}


def _resolve(shape: tuple[int, int, int] = CIFAR, **options: object) -> Settings:
    return resolve(make_spec(model="m", data="d", **options), shape, "cpu")


def _search(attack: str, threshold: int, shape: tuple[int, int, int] = CIFAR, **options: object) -> SearchSettings:
    settings = _resolve(shape, attacks=[attack], levels=[threshold], **options)
    return settings.searches[0]


def test_the_defaults():
    settings = _resolve()
    assert [(s.constraint, s.threshold) for s in settings.searches] == [
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
    assert (s.method, s.population, s.sigma, s.max_queries) == expected


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
    assert _search(attack, threshold, shape, search="cma-es").method == search


@pytest.mark.parametrize("preset", ["quick", "standard"])
@pytest.mark.parametrize(
    ("attack", "shape", "search"),
    [
        ("threshold", CIFAR, "gradient-regression"),
        ("threshold", (64, 64, 3), "gradient-regression"),
        ("threshold", (64, 65, 3), "textures"),  # too large for a linear model
        ("threshold", (8, 8, 7), "gradient-regression"),
        ("few-pixel", CIFAR, "pixel-process"),
        ("few-pixel", (28, 28, 1), "pixel-process"),
        ("few-pixel", (64, 64, 4), "pixel-process"),
        ("few-pixel", (64, 65, 3), "sparse-random"),  # too many positions to keep a map of
        ("few-pixel", (128, 32, 3), "pixel-process"),
        ("few-pixel", (129, 32, 3), "sparse-random"),
        ("few-pixel", (8, 8, 5), "sparse-random"),  # too many channels
    ],
)
def test_auto_is_the_strongest_search_of_its_attack(attack, shape, search, preset):
    s = _search(attack, 5, shape, preset=preset)
    assert (s.method, s.population, s.sigma, s.differential_weight, s.minimal) == (search, None, None, None, False)
    assert s.cohort == (COHORT if search in ("gradient-regression", "pixel-process") else 1)


def test_minimal_thresholds_of_large_images_are_sought_by_the_linear_model():
    spec = make_spec(model="m", data="d", attacks=["threshold"], minimal=127)
    assert [s.method for s in resolve(spec, (224, 224, 3), "cpu").searches] == ["gradient-regression"]


@pytest.mark.parametrize(("attack", "search"), [("few-pixel", "cma-es"), ("threshold", "sep-cma-es")])
def test_auto_is_the_papers_search_in_the_papers_preset(attack, search):
    s = _search(attack, 5, preset="paper")
    assert (s.method, s.cohort) == (search, 1)


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_minimal_thresholds_take_one_search_an_attack(preset):
    settings = _resolve(minimal=127, levels=[1, 5], preset=preset)
    assert [(s.constraint, s.method, s.threshold, s.minimal, s.cohort) for s in settings.searches] == [
        ("few-pixel", "pixel-process", 127, True, COHORT),
        ("threshold", "gradient-regression", 127, True, COHORT),
    ]
    assert make_spec(model="m", data="d", minimal=127).levels == (1, 3, 5, 10)  # which are read off the distances


@pytest.mark.parametrize(("attack", "search"), [("few-pixel", "pixel-process"), ("threshold", "gradient-regression")])
def test_minimal_thresholds_may_name_the_search_that_auto_is(attack, search):
    auto, named = (_resolve(minimal=9, attacks=[attack], search=choice) for choice in ("auto", search))
    assert auto == named


def test_giving_up_is_asked_for_and_is_of_the_identity():
    default, given = _resolve(), _resolve(give_up=True)
    assert not any(s.give_up for s in default.searches)
    assert all(s.give_up for s in given.searches)
    assert default.as_dict() != given.as_dict()


def test_minimal_numbers_of_pixels_need_a_map():
    with pytest.raises(InputError, match=r"--minimal: .* not 65×64×3: add --attacks threshold\.") as caught:
        _resolve((65, 64, 3), minimal=127)
    assert "\n" not in str(caught.value)
    assert _resolve((65, 64, 3), minimal=127, attacks=["threshold"]).searches[0].minimal


@pytest.mark.parametrize(
    "search", ["square", "textures", "segments", "sparse-random", "sparse-rs", "brusle", "de", "cma-es", "sep-cma-es"]
)
def test_no_other_search_seeks_minimal_thresholds(search):
    attack = ATTACK_OF.get(search, "few-pixel")
    assert _search(attack, 3, search=search).method == search
    with pytest.raises(
        InputError, match=r"^--minimal: smallest thresholds are sought by the searches of --search auto"
    ):
        make_spec(model="m", data="d", minimal=127, search=search, attacks=[attack])


@pytest.mark.parametrize(("search", "of"), ATTACK_OF.items())
def test_a_search_of_one_attack_is_refused_for_the_other(search, of):
    for attacks in (["few-pixel", "threshold"], list({"few-pixel", "threshold"} - {of})):
        with pytest.raises(InputError, match=rf"^--search {search} is of the {of} attack alone: add --attacks {of}\.$"):
            make_spec(model="m", data="d", search=search, attacks=attacks)


def test_sparse_rs_is_of_few_pixels_only():
    assert _search("few-pixel", 13, search="sparse-rs").method == "sparse-rs"
    with pytest.raises(InputError, match=r"^--search sparse-rs changes up to 13 pixels, not 14: lower --levels"):
        make_spec(model="m", data="d", search="sparse-rs", attacks=["few-pixel"], levels=[1, 14])


def test_brusle_changes_no_more_pixels_than_there_are():
    assert _search("few-pixel", 20, (4, 5, 3), search="brusle").method == "brusle"
    with pytest.raises(InputError, match=r"^--search brusle changes up to all 20 pixels of an image, not 21: lower"):
        _search("few-pixel", 21, (4, 5, 3), search="brusle")


@pytest.mark.parametrize(("pixels", "search"), [(99, "sparse-random"), (100, "segments"), (250, "segments")])
def test_auto_lays_segments_where_there_are_many_pixels(pixels, search):
    assert _search("few-pixel", pixels, (224, 224, 3)).method == search
    assert _search("few-pixel", pixels, CIFAR).method == "pixel-process"


def test_the_separable_search_can_be_asked_for():
    assert _search("few-pixel", 1, search="sep-cma-es").method == "sep-cma-es"


def test_levels_and_attacks_are_put_in_order_and_doubles_dropped():
    spec = make_spec(model="m", data="d", levels=[10, 1, 10], attacks=["threshold", "few-pixel", "threshold"])
    assert spec.levels == (1, 10)
    assert spec.attacks == ("threshold", "few-pixel")


def test_a_class_number_may_be_a_number():
    assert make_spec(model="m", data="d", target=3).target == "3"


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_the_batch_is_that_of_the_device_where_there_is_enough_to_ask(kind):
    a, b = (resolve(make_spec(model="m", data="d", seed=seed), CIFAR, kind) for seed in (0, 1))
    assert a.batch_size == b.batch_size == {"cpu": 64, "cuda": 1024}[kind]
    assert replace(a, seed=1) == b


@pytest.mark.parametrize(
    ("shape", "images", "fixed", "options", "rows"),
    [
        ((96, 96, 3), 100, None, {}, 8),
        ((224, 224, 3), 100, None, {}, 4),
        (CIFAR, 6, None, {"samples": 2, "max_queries": 40, "levels": [1], "attacks": ["threshold"]}, 4),
        (CIFAR, 6, None, {"max_queries": 40}, 32),  # six samples, which are all there are, at eight levels
        (CIFAR, 6, None, {"samples": 2, "attacks": ["pgd"]}, 4),
        (CIFAR, 100, None, {"attacks": ["pgd"]}, 64),
        (CIFAR, 100, 1, {}, 64),  # of which the model takes each alone
        (CIFAR, 100, 10, {}, 60),
        (CIFAR, 100, 256, {}, 256),
        ((224, 224, 3), 6, None, {"batch_size": 50}, 50),
    ],
)
def test_large_images_and_few_queries_have_small_batches(shape, images, fixed, options, rows):
    spec = make_spec(model="m", data="d", **options)
    assert resolve(spec, shape, "cpu", images, fixed).batch_size == rows


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"levels": [0]}, r"--levels: every level th must lie in 1\.\.255, not \[0\] \(given: \[0\]\)\."),
        ({"max_queries": 1}, r"--max-queries: input should be greater than or equal to 2 \(given: 1\)\."),
        ({"levles": [1]}, r"There is no option --levles\."),
        ({"minimal": 0}, r"--minimal: input should be greater than or equal to 1 \(given: 0\)\."),
        ({"minimal": 256}, r"--minimal: input should be less than or equal to 255 \(given: 256\)\."),
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
