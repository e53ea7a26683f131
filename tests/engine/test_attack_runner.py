"""Attacks by name in a run: what is recorded, resumed, verified and refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pixelproof as pp
from attack_kit import linear_classifier
from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.runner import run_job
from pixelproof.models import Classifier, TorchClassifier
from pixelproof.runs import Record, RunStore
from verify_kit import verified

SHAPE = (8, 8, 3)


def images(count: int = 12) -> tuple[np.ndarray, np.ndarray, Classifier]:
    """Images, the labels that a linear model gives them, and that model."""
    model = linear_classifier()
    pixels = np.random.default_rng(0).integers(90, 166, (count, *SHAPE), dtype=np.uint8)
    answers = model.scores(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255).argmax(1).numpy()
    return pixels, answers, model


def plain(records: list[Record]) -> list[Record]:
    """``records`` without their times."""
    return [dataclasses.replace(record, seconds=0.0) for record in records]


def assessed(out: Path | None = None, **options: object) -> pp.Result:
    pixels, labels, model = images()
    names = ["a", "b", "c", "d"]
    return pp.assess(model, pixels, labels, class_names=names, out=out, preset="quick", **options)  # type: ignore[arg-type]


def test_an_attack_by_name_stands_beside_levels_and_verifies() -> None:
    result = assessed(attacks=["threshold", "fgsm(epsilon=30)", "fgsm(epsilon=1)"], levels=[3], max_queries=30)
    assert [row.attack for row in result.levels] == ["threshold"]
    strong, weak, worst = result.attempts
    assert strong.spec == "fgsm(epsilon=30,norm=linf)"
    assert strong.fooled.successes > weak.fooled.successes
    assert worst.fooled.successes == strong.fooled.successes
    assert (strong.mean_queries, strong.mean_gradient_steps) == (2.0, 1.0)
    assert strong.mean_linf == 30
    pixels, labels, model = images()
    data = ImageSet(pixels, labels, ("a", "b", "c", "d"), "arrays")
    checked = verified(result.run, model, data, share=1.0)
    assert checked.problems == ()


def test_the_budget_is_checked_when_a_run_is_verified() -> None:
    result = assessed(attacks=["fgsm(epsilon=30)"])
    run, model = result.run, images()[2]
    stricter = RunStore.create(None, run.manifest, {k: run.clean(k) for k in run.manifest.selection.samples})
    stricter.commit((dataclasses.replace(record, threshold=29), run.image(record)) for record in run.records())
    checked = verified(stricter, model, None)
    assert any("breaks its budget" in problem for problem in checked.problems)


def test_the_last_try_is_kept_where_nothing_was_fooled() -> None:
    result = assessed(attacks=["fgsm(epsilon=1)"])
    failed = [record for record in result.run.records() if not record.success]
    assert failed
    for record in failed:
        image = result.run.image(record)
        assert image is not None
        assert np.abs(image.astype(int) - result.run.clean(record.sample)).max() == 1
        assert record.l2 is None
    assert all(record.success for record, _ in result.adversarial("fgsm"))


def test_an_interrupted_run_goes_on_and_ends_equal(tmp_path: Path) -> None:
    pixels, labels, model = images()
    data = ImageSet(pixels, labels, ("a", "b", "c", "d"), "arrays")
    spec = make_spec(model="m", data="d", attacks=["fgsm(epsilon=4)", "fgsm(epsilon=8)"])
    whole = run_job(AssessJob(spec, model, data), None)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(AssessJob(spec, model, data), tmp_path / "run", stop)
    with RunStore.open(tmp_path / "run") as cut:
        assert len(cut.records()) == len(whole.records()) / 2
    run = run_job(AssessJob(spec, model, data), tmp_path / "run")
    assert plain(run.records()) == plain(whole.records())
    assert run.manifest.status == "finished"


@pytest.mark.parametrize("target", ["next", "least-likely", "random", "2"])
def test_a_targeted_success_is_the_target_and_nothing_else(target: str) -> None:
    result = assessed(attacks=["fgsm(epsilon=60)"], target=target)
    records = result.run.records()
    assert any(record.success for record in records)
    for record in records:
        assert record.target != record.label
        assert not record.success or record.predicted == record.target
    if target == "next":
        assert all(record.target == (record.label + 1) % 4 for record in records)


def test_random_targets_follow_from_seed_and_image() -> None:
    first, second = (assessed(attacks=["fgsm"], target="random", seed=seed).run.records() for seed in (0, 0))
    other = assessed(attacks=["fgsm"], target="random", seed=1).run.records()
    assert [r.target for r in first] == [r.target for r in second]
    assert [r.target for r in first] != [r.target for r in other]
    assert len({(r.target - r.label) % 4 for r in first if r.target is not None}) == 3


class _NoGradient(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images.detach())  # type: ignore[no-any-return]


def test_a_model_without_gradients_is_told_which_attacks_work(tmp_path: Path) -> None:
    pixels, labels, model = images()
    blind = TorchClassifier(_NoGradient(model.module), kind="logits")  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"^fgsm\(.*\) needs gradients: .*few-pixel.*square.*label-regression"):
        pp.assess(blind, pixels, labels, attacks=["fgsm"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"attacks": ["fgms"]}, "is fgsm meant"),
        ({"attacks": ["fgsm(epsilon=0)"]}, "above 0"),
        ({"attacks": ["fgsm(eps=8)"]}, "expected each of epsilon, norm"),
        ({"attacks": ["fgsm(norm=l7)"]}, "one of linf, l2, l1"),
        ({"attacks": ["fgsm"], "access": "adaptive"}, "add defence"),
        ({"attacks": ["few-pixel"], "access": "replayed", "defence": "tvm"}, "attacks by name"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        assessed(**options)
    assert "\n" not in str(caught.value)


def test_a_defence_is_met_in_three_ways() -> None:
    bare = {r.sample: i for r, i in assessed(attacks=["fgsm(epsilon=30)"]).adversarial("fgsm")}
    replayed, adaptive = (
        assessed(attacks=["fgsm(epsilon=30)"], defence="bits(3)", access=way) for way in ("replayed", "adaptive")
    )
    shown = replayed.adversarial("fgsm")
    assert shown
    assert all(np.array_equal(image, bare[record.sample]) for record, image in shown if record.sample in bare)
    found = adaptive.adversarial("fgsm")
    assert len(found) >= len(shown)
    assert any(not np.array_equal(image, bare[record.sample]) for record, image in found if record.sample in bare)
    assert adaptive.run.manifest.settings["access"] == "adaptive"
    with pytest.raises(InputError, match="needs gradients"):
        assessed(attacks=["fgsm(epsilon=30)"], defence="bits(3)")


def test_page_terminal_and_files_tell_of_attacks_by_name(tmp_path: Path) -> None:
    result = assessed(attacks=["fgsm(epsilon=30)", "fgsm(epsilon=9,norm=l2)"], out=tmp_path / "run")
    page = result.report(tmp_path / "page.html").read_text("utf-8")
    assert "Attacks by name" in page
    assert "fgsm(epsilon=9,norm=l2)" in page
    assert "Worst case" in page
    with RunStore.open(tmp_path / "run") as run:
        from pixelproof.runs.export import to_png

        assert to_png(run, tmp_path / "png") == len(list((tmp_path / "png").iterdir()))
