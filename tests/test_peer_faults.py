"""Faults published of other tools, each with a test that pixelproof does not share it.

Where another test shows that already, a comment names it. ART is Trusted-AI/adversarial-robustness-toolbox, DQA
shashankkotyan/DualQualityAssessment, AA fra31/auto-attack, RB RobustBench/robustbench, TA
Harry24k/adversarial-attacks-pytorch, FB bethgelab/foolbox.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pixelproof as pp
from attack_kit import grey_images, linear_classifier, oracle, run, streams
from pixelproof.attacks.goal import Goal
from pixelproof.attacks.named import NAMES, parse_attack
from pixelproof.errors import InputError
from pixelproof.models import TorchClassifier
from pixelproof.runs.export import to_png
from tiny_run import contents

SHAPE = (3, 8, 8)


def network(classes: int = 4) -> nn.Module:
    """Linear, of images C×H×W."""
    return linear_classifier(SHAPE, classes).module


def pictures(count: int, classes: int = 4, wrong: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey images N×H×W×C and the network's answers to them, of which the last ``wrong`` are made wrong labels."""
    images = grey_images(count, SHAPE)
    labels = network(classes)(images).argmax(1)
    labels[count - wrong :] = (labels[count - wrong :] + 1) % classes
    return (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), labels.numpy()


def assessed(classes: int = 4, count: int = 8, wrong: int = 0, **options: object) -> pp.Result:
    images, labels = pictures(count, classes, wrong)
    return pp.assess(network(classes), images, labels, class_names=list("abcd")[:classes], **options)  # type: ignore[arg-type]


# Records.


@pytest.mark.slow
def test_every_sample_keeps_its_own_minimal_threshold_with_two_classes() -> None:
    """ART 947, 960: the minimal threshold of the last image stands for all; two classes raise ValueError."""
    result = assessed(classes=2, minimal=60, attacks=["threshold"], max_queries=300)
    (found,) = result.minimal_thresholds
    weight, images = linear_classifier(SHAPE, 2).module[1].weight, torch.from_numpy(pictures(8, 2)[0])
    scores = network(2)(images.permute(0, 3, 1, 2) / 255)
    least = 255 * scores.diff(dim=1).abs().squeeze(1) / (weight[0] - weight[1]).abs().sum()
    assert found.found == {k: int(each) + 1 for k, each in enumerate(least.tolist())}
    assert len(set(found.found.values())) > 1


def test_images_that_are_wrong_already_are_not_attacked_but_counted() -> None:
    """ART 188, 1104: images already wrong are attacked as well; RB 7: whether they count is not said."""
    result = assessed(wrong=3, attacks=["fgsm(epsilon=1)"])
    assert {record.sample for record in result.run.records()} == set(range(5))
    (row,) = result.attempts
    assert (row.fooled.total, row.robust.total) == (5, 8)


def test_success_divides_by_the_attacked_and_robust_accuracy_by_all_and_both_say_so() -> None:
    """ART ``adversarial_accuracy`` divides by the images that were right, RB by all, and neither says so."""
    (row,) = assessed(wrong=2, attacks=["fgsm(epsilon=1)"]).attempts
    assert 0 < row.fooled.successes < row.fooled.total
    assert row.robust.successes == row.fooled.total - row.fooled.successes
    assert str(row.fooled).startswith(f"{row.fooled.successes}/6 = ")
    assert str(row.robust).startswith(f"{row.robust.successes}/8 = ")


def test_a_model_that_nothing_fools_has_no_distance_rather_than_zero() -> None:
    """ART ``empirical_robustness`` is 0.0, the worst there is, where no attack succeeds."""

    class Brightness(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([-images.mean((1, 2, 3)), images.mean((1, 2, 3)) - 1], 1)

    images = np.repeat(np.array([20, 240, 30, 230], np.uint8), 8 * 8 * 3).reshape(4, 8, 8, 3)  # 97 levels and more away
    options = {"attacks": ["threshold", "fgsm(epsilon=9)"], "minimal": 9, "max_queries": 20}
    result = pp.assess(Brightness(), images, [0, 1, 0, 1], **options)  # type: ignore[arg-type]
    (row,) = result.attempts
    assert (row.fooled.ratio, row.mean_l0, row.mean_l2, row.mean_linf) == ("0/4", None, None, None)
    (found,) = result.minimal_thresholds
    assert found.quartiles == (float("inf"),) * 3


def test_an_attack_that_changes_nothing_is_no_success_and_has_no_image() -> None:
    """ART 817, 369, TA 180, FB 102: the image comes back unchanged and nobody is told."""
    result = assessed(attacks=["fgsm(epsilon=0.5)"])  # less than one grey level
    for record in result.run.records():
        assert not record.success
        assert result.run.image(record) is None


@pytest.mark.slow
def test_what_is_claimed_is_what_the_model_says_of_the_saved_file(tmp_path: Path) -> None:
    """FB 162, 674, 713, carlini/nn_robust_attacks 3: saved in 8 bits, or asked again, the image fools no more."""
    cw = "cw-l2(iterations=20,binary_search_steps=2)"
    for attack in ("few-pixel", "threshold", "fgsm(epsilon=2)", cw, "deepfool", "hop-skip-jump(queries=100)"):
        result = assessed(count=4, attacks=[attack], levels=[8], max_queries=100)
        claims = [record for record in result.run.records() if record.success]
        to_png(result.run, tmp_path / attack)
        files = sorted(path for path in (tmp_path / attack).iterdir() if not path.stem.endswith("-clean"))
        assert len(files) == len(claims) > 0
        for path, record in zip(files, claims, strict=True):  # both by sample
            pixels = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1)[None] / 255
            assert int(network()(pixels).argmax()) == record.predicted != record.label


# A targeted success that is any wrong class (DQA, Trusted-AI 1775):
# tests/engine/test_barrage.py::test_a_targeted_success_is_the_target_and_nothing_else,
# tests/test_api.py::test_success_means_the_target_class_and_nothing_else.
# The mode of the model (FB 74, TA 21, ART 484):
# tests/test_api.py::test_a_torch_module_is_assessed_quietly_and_left_as_found.
# Normalisation and value range (ART 89, 268; FB 580; AA 46): tests/test_preflight.py.


def test_a_target_that_is_the_label_is_no_goal() -> None:
    """FB 325: a target equal to the label counts as a success without any attack."""
    with pytest.raises(InputError, match=r"^A target is the label of its image; aim at another class\.$"):
        Goal(torch.tensor([0, 1]), torch.tensor([1, 1]))
    result = assessed(attacks=["fgsm(epsilon=60)"], target=1)
    labels = pictures(8)[1]
    assert {record.sample for record in result.run.records()} == set(np.flatnonzero(labels != 1).tolist())


# Searches.
#
# Populations and σ of the papers, and no full covariance of large images (ART: pycma's 28, 181 GB at 224×224):
# tests/test_spec.py::test_the_papers_settings, ::test_the_full_covariance_is_kept_to_a_few_hundred_dimensions.
# One-pixel colours off the 8-bit grid (TA 180): tests/attacks/test_encodings.py.


@pytest.mark.parametrize("search", ["cma-es", "sep-cma-es"])
def test_an_evolution_goes_on_for_all_its_queries(search: str) -> None:
    """DQA calls CMA-ES for one generation; ART 1.20.1 gives up where the softmax is flat."""
    result = assessed(attacks=["threshold"], search=search, levels=[1], max_queries=150)
    failed = [record for record in result.run.records() if not record.success]
    assert failed
    assert {record.queries for record in failed} <= {149, 150}  # 150, one of them to verify


def test_no_private_names_of_scipy_are_imported() -> None:
    """ART 1568: imports of ``scipy._lib`` and ``scipy.optimize._optimize`` broke the whole package."""
    texts = (path.read_text("utf-8") for path in Path(pp.__file__).parent.rglob("*.py"))
    imports = [line for text in texts for line in re.findall(r"^\s*(?:from|import) scipy.*", text, re.MULTILINE)]
    assert imports
    assert not [line for line in imports if re.search(r"[ .]_", line)]


# Ensembles, seeds, resuming.
#
# AutoAttack with other members than the standard ones (ART): tests/attacks/test_ensemble.py::
# test_autoattack_has_its_standard_members, and with few classes (AA 70, 76, 110)
# ::test_autoattack_fools_whatever_can_be_fooled_with_few_classes.
# Random outputs and lucky flips (AA 43, 104): tests/test_preflight.py::test_random_output,
# tests/test_api.py::test_a_model_that_answers_differently_every_time_is_assessed_and_said_to_be_so.


def test_the_seed_reaches_every_attack_that_draws() -> None:
    """RB: ``--seed`` never reaches AutoAttack, which seeds itself from the clock; ART 287, AA 54."""
    options = {"attacks": ["pgd(epsilon=9,iterations=2)", "autoattack(epsilon=9)", "square(epsilon=9,queries=30)"]}
    model, (images, labels) = network(), pictures(4)
    state = torch.get_rng_state()
    first, again, other = (
        contents(pp.assess(model, images, labels, seed=seed, **options).run)  # type: ignore[arg-type]
        for seed in (0, 0, 1)
    )
    assert first == again
    for attack in ("pgd", "autoattack", "square"):
        one, two = ([image for record, image in each if record.attack == attack] for each in (first, other))
        assert one != two, attack
    assert torch.equal(torch.get_rng_state(), state)


def test_resuming_gives_the_images_of_all_sittings(tmp_path: Path) -> None:
    """AA 98: after resuming, only the examples of the last sitting are returned."""
    model, calls, limit = network(), 0, 10**9

    def flaky(images: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == limit:
            raise KeyboardInterrupt
        return model(images)  # type: ignore[no-any-return]

    images, labels = pictures(6)
    options = {"attacks": ["square(epsilon=9,queries=8)", "nes(epsilon=9,queries=60)"], "kind": "logits"}
    whole = contents(pp.assess(flaky, images, labels, **options).run)  # type: ignore[arg-type]
    limit, calls = calls - 3, 0
    with pytest.raises(KeyboardInterrupt):
        pp.assess(flaky, images, labels, out=tmp_path / "run", **options)  # type: ignore[arg-type]
    found = contents(pp.assess(flaky, images, labels, out=tmp_path / "run", **options).run)  # type: ignore[arg-type]
    assert calls > limit
    assert found == whole
    assert len([image for _, image in found if image is not None]) >= 6


def test_no_trace_function_is_set() -> None:
    """AA looks for optimisation at inference with ``sys.settrace``, which disturbs debuggers and coverage."""
    seen: list[object] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def forward(self, images: Tensor) -> Tensor:
            seen.append(sys.gettrace())
            return self.inner(images)  # type: ignore[no-any-return]

    before = sys.gettrace()
    images, labels = pictures(3)
    pp.assess(Watching(), images, labels, attacks=["autoattack(epsilon=30)"])
    assert seen
    assert all(each is before for each in seen)


# Budgets, queries, classes.


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        *(f"{name}(norm={norm}" for name in ("fgsm", "pgd", "apgd") for norm in ("linf", "l2", "l1")),
        "bim(iterations=5",
        *(f"{name}(norm={norm}" for name in ("autoattack", "fab") for norm in ("linf", "l2")),
        *(f"square(queries=20,norm={norm}" for norm in ("linf", "l2")),
        "nes(queries=60",
        "universal(norm=l2",
        "universal(norm=linf",
        "virtual-adversarial(norm=l2",
    ],
)
def test_no_perturbation_is_larger_than_the_stated_bound(attack: str) -> None:
    """ART 2404, TA 37, FB 532: images lie outside the budget, if only by their rounding."""
    norm = next((each for each in ("l2", "l1") if f"norm={each}" in attack), "linf")
    bound = {"linf": 2.6, "l2": 33.3, "l1": 300.5}[norm]
    result = assessed(count=4, attacks=[f"{attack},epsilon={bound})"])
    tried = 0
    for record in result.run.records():
        image = result.run.image(record)
        if image is not None:
            change = np.abs(image.astype(np.int64) - result.run.clean(record.sample)).ravel()
            length = {"linf": change.max(), "l2": (change**2).sum() ** 0.5, "l1": change.sum()}[norm]
            assert 0 < length <= bound
            tried += 1
    assert tried


@pytest.mark.parametrize(
    "attack",
    [
        "pgd",
        "worst(apgd(epsilon=1,iterations=5)|fab(epsilon=1,iterations=5)|square(epsilon=1,queries=9))",
        "cw-l2(iterations=5)",
        "jsma",
        "sigma-zero(iterations=5)",
        "sparse-pgd(pixels=2,iterations=5)",
        "square(queries=9)",
        "hop-skip-jump(queries=50)",
    ],
)
def test_every_image_through_the_model_is_counted_both_ways(attack: str) -> None:
    """FB 638, 710, ART 1238: how many queries an attack used is not known, or only of some of its calls."""
    model, through, back = network(), [0], [0]
    model.register_forward_hook(lambda _, inputs, __: through.__setitem__(0, through[0] + len(inputs[0])))
    model.register_full_backward_hook(lambda _, __, outputs: back.__setitem__(0, back[0] + len(outputs[0])))
    images, labels = grey_images(3, SHAPE), network()(grey_images(3, SHAPE)).argmax(1)
    asked = oracle(TorchClassifier(model, kind="logits"), 3, eight_bit=True)
    through[0] = 0
    parse_attack(attack)(asked, images, Goal(labels), streams(3))
    assert (int(asked.queries.sum()), int(asked.gradient_steps.sum())) == (through[0], back[0])
    assert through[0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "worst"])
def test_two_classes_are_enough_for_every_attack(name: str) -> None:
    """AA 70, 76, 110, ART 2399: fewer than ten classes end in an index error."""
    fast = {"square": "queries=9", "nes": "queries=60", "zoo": "queries=50", "boundary": "queries=30"}
    fast |= {"hop-skip-jump": "queries=50", "autoattack": "epsilon=40", "universal": "epsilon=40"}
    slower = ("cw-l2", "cw-linf", "elastic-net", "sigma-zero", "sparse-pgd", "shadow", "spatial")
    fast |= dict.fromkeys(slower, "iterations=5")
    attack = parse_attack(f"{name}({fast.get(name, '')})")
    model, images = linear_classifier(SHAPE, 2), grey_images(3, SHAPE)
    found, _ = run(attack, model, images, eight_bit=True)
    assert found.shape == images.shape
    assert bool(found.isfinite().all())
