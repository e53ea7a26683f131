"""Certificates in an assessment: who gets one, what images are found on the way, and how it goes on after a break."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pixelproof
from pixelproof.defences import defend
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.jobs.runner import run_job
from pixelproof.models import CallableClassifier
from pixelproof.proofs.attempt import Attempt
from pixelproof.proofs.methods import METHODS
from pixelproof.runs import RunStore
from pixelproof.runs.progress import Progress
from proofs_kit import answer, breaks, classifier_of, convolutional, module_of, random_image, threshold_proof
from verify_kit import verified

pytestmark = pytest.mark.slow


def _verified(run: RunStore, job: AssessJob) -> tuple[str, ...]:
    return verified(run, job.classifier, job.data).problems


def _answers(run: RunStore) -> dict[int, str]:
    """Of each sample whether it is broken, proved or open."""
    found = dict.fromkeys(run.manifest.selection.samples, "open")
    found |= {each.sample: "proved" for each in run.certificates() if each.proved}
    return found | {each.sample: "broken" for each in run.records() if each.success}


def test_every_grey_image_is_decided_as_plain_loops_decide_it(job_of):
    module = convolutional((4, 4, 1), gain=1.5)
    job = job_of(module, channels=1, count=8)
    with run_job(job, None) as run:
        for sample, said in _answers(run).items():
            assert said == ("broken" if breaks(module, run.clean(sample)) else "proved")
        assert {*_answers(run).values()} == {"broken", "proved"}
        assert {each.method for each in run.certificates()} == {"sweep"}
        assert any(each.method == "sweep" for each in run.records())
        assert run.manifest.details["certify"] == [["sweep", "few-pixel", 1]]
        assert _verified(run, job) == ()


def test_every_colour_image_is_decided_by_bounds(job_of):
    job = job_of()
    with run_job(job, None) as run:
        assert {*_answers(run).values()} == {"broken", "proved"}
        assert {each.method for each in run.certificates()} == {"bounds"}
        assert _verified(run, job) == ()


def test_a_found_image_is_a_record_with_its_image_and_no_certificate(job_of):
    job = job_of(convolutional((4, 4, 1), gain=1.5), channels=1)
    with run_job(job, None) as run:
        records = [each for each in run.records() if each.by_proof]
        assert records
        for record in records:
            image = run.image(record)
            assert image is not None
            assert (record.success, record.l0, record.inherited_from) == (True, 1, None)
            assert answer(module_of(job), image) == record.predicted != record.label
            assert record.sample not in {each.sample for each in run.certificates()}


def test_no_attempt_is_made_for_what_a_search_broke(job_of):
    job = job_of(convolutional((4, 4, 1), gain=3.0), channels=1, max_queries=400)
    with run_job(job, None) as run:
        broken = {each.sample for each in run.records() if each.success and not each.by_proof}
        assert broken
        tried = {each.sample for each in run.certificates()} | {each.sample for each in run.records() if each.by_proof}
        assert not broken & tried
        assert len(run.steps()) == len(run.manifest.selection.samples)


def test_thresholds_are_climbed_while_they_are_proved(job_of, monkeypatch):
    monkeypatch.setitem(METHODS, "bounds", replace(METHODS["bounds"], prove=threshold_proof))
    module = convolutional((4, 4, 3), gain=0.3)
    with torch.no_grad():
        module[4].bias[0] += 1.0
    job = job_of(module, attacks=("threshold",), levels=(1, 10, 100, 200), max_queries=2, search="square")
    with run_job(job, None) as run:
        levels = Counter((each.threshold, each.proved) for each in run.certificates())
        assert levels[1, True]
        by_sample: dict[int, list[tuple[float, bool]]] = {}
        for each in run.certificates():
            by_sample.setdefault(each.sample, []).append((each.threshold, each.proved))
        assert any(len(tried) > 1 for tried in by_sample.values())
        for tried in by_sample.values():
            assert all(proved for _, proved in sorted(tried)[:-1])
        assert _verified(run, job) == ()


def _without_seconds(run: RunStore) -> list[Any]:
    certificates = [replace(each, seconds=0.0) for each in run.certificates()]
    records = [replace(each, seconds=0.0) for each in run.records()]
    return [sorted(certificates, key=str), sorted(records, key=str)]


@pytest.mark.parametrize("after", [1, 3, 5, 7])
def test_a_run_goes_on_where_it_was_stopped(job_of, folder, after):
    options = {"module": convolutional((4, 4, 1), gain=1.5), "channels": 1}
    with run_job(job_of(**options), None) as whole:
        expected = _without_seconds(whole)

    class StopError(Exception):
        pass

    seen: list[Progress] = []

    def listen(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == after:
            raise StopError

    with pytest.raises(StopError):
        run_job(job_of(**options), folder, listen)
    with run_job(job_of(**options), folder, seen.append) as run:
        assert _without_seconds(run) == expected
        assert run.manifest.status == "finished"
    assert (seen[-1].done, seen[-1].total) == (12, 12)  # six searches, six proofs


def test_progress_counts_proofs(job_of):
    seen: list[Progress] = []
    run_job(job_of(channels=1), None, seen.append).close()
    assert (seen[-1].done, seen[-1].total) == (12, 12)
    assert seen[-1].note.startswith("sweep, few-pixel th = 1") or not seen[-1].note


def test_queries_of_proofs_are_counted(job_of):
    job = job_of(convolutional((4, 4, 1), gain=0.5), channels=1, count=2)
    with run_job(job, None) as run:
        assert sum(each.queries for each in run.certificates()) == 2 * 4080
        assert run.manifest.timings["queries"] == sum(r.queries for r in run.records()) + 2 * 4080


def _lying(found: Any) -> Any:
    def prove(task: Any) -> Attempt:
        return Attempt(False, "", 1, 1, 0.0, {}, found(task.image))

    return replace(METHODS["sweep"], prove=prove)


def test_what_a_method_says_it_found_is_judged(job_of, monkeypatch):
    """The clean image, and one that changes everything: neither is within a pixel and of another class."""
    for found in (lambda image: image.copy(), lambda image: 255 - image):
        monkeypatch.setitem(METHODS, "sweep", _lying(found))
        with run_job(job_of(channels=1), None) as run:
            assert not any(each.by_proof for each in run.records())
            tried = run.certificates()
            assert tried
            assert all(not each.proved and each.body == {} and "image was found" in each.reason for each in tried)


def test_out_of_seconds_stays_open_and_is_not_tried_again(job_of, folder):
    options = {"module": convolutional((4, 4, 1), gain=0.5), "channels": 1, "certify_seconds": 1e-9}
    with run_job(job_of(**options), folder) as run:
        assert all("out of seconds" in each.reason for each in run.certificates())
        assert not any(each.proved for each in run.certificates())
        assert {*_answers(run).values()} == {"open"}
    with run_job(job_of(**options), folder) as again:
        assert len(again.certificates()) == 6


# What is asked for.


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("none", None)),
        ({"preset": "standard"}, ("auto", 60)),
        ({"preset": "paper"}, ("none", None)),
        ({"preset": "standard", "minimal": 127}, ("none", None)),
        ({"preset": "standard", "attacks": ("fgsm(epsilon=4)",)}, ("none", None)),
        ({"preset": "standard", "certify": "none"}, ("none", None)),
        ({"certify": "bounds", "certify_seconds": 5}, ("bounds", 5)),
    ],
)
def test_what_the_presets_certify(options, expected):
    settings = resolve(make_spec(model="m", data="d", **options), (32, 32, 3), "cpu")
    assert (settings.certify, settings.certify_seconds) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"certify": "words"},
            "--certify: input should be 'auto', 'sweep', 'bounds', 'masks' or 'none' (given: 'words').",
        ),
        ({"certify_seconds": 0}, "--certify-seconds: input should be greater than 0 (given: 0)."),
        ({"certify_seconds": -3.0}, "--certify-seconds: input should be greater than 0 (given: -3.0)."),
        ({"certify_seconds": float("inf")}, "--certify-seconds: input should be a finite number (given: inf)."),
        ({"certify": "bounds", "minimal": 127}, "--minimal"),
        ({"certify": "bounds", "attacks": ("fgsm(epsilon=4)",)}, "--attacks"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(options, words):
    with pytest.raises(InputError) as error:
        make_spec(model="m", data="d", **options)
    assert words in str(error.value)
    assert str(error.value).count(". ") == 0


class _Unbounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squash, self.head = nn.Sigmoid(), nn.Linear(48, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.squash(x.flatten(1)))


def test_a_layer_that_cannot_be_bounded_is_named(job_of, folder):
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"--certify bounds: .*squash") as error:
        run_job(job_of(_Unbounded(), certify="bounds"), folder)
    assert str(error.value).count(". ") == 0
    assert not folder.exists()
    with run_job(job_of(_Unbounded()), None) as run:
        (finding,) = [each for each in run.manifest.findings if each.name == "not-certifiable"]
        assert "squash" in finding.message
        assert run.certificates() == []


def test_a_colour_image_cannot_be_swept(job_of, folder):
    with pytest.raises(InputError, match=r"--certify sweep: .* 3 channels"):
        run_job(job_of(certify="sweep"), folder)
    assert not folder.exists()


def test_masks_need_a_masked_model(job_of, folder):
    with pytest.raises(InputError, match=r"--certify masks: .* add --defence masks\(4\)"):
        run_job(job_of(certify="masks"), folder)
    assert not folder.exists()


def test_a_masked_model_is_certified_by_its_masks_up_to_their_pixels(job_of):
    """As far as a level is proved; what the verifier asks again holds."""
    job = job_of(convolutional((4, 4, 3), gain=0.3), levels=(1, 2, 3), count=4)
    masked = AssessJob(job.spec, defend(job.classifier, "masks(block=2,pixels=2)"), job.data)
    with run_job(masked, None) as run:
        assert run.manifest.details["certify"] == [["masks", "few-pixel", 1], ["masks", "few-pixel", 2]]
        assert {(each.method, each.threshold) for each in run.certificates() if each.proved} == {
            ("masks", 1),
            ("masks", 2),
        }
        assert _verified(run, masked) == ()


def test_a_level_that_a_method_does_not_prove(job_of):
    with pytest.raises(InputError, match=r"--certify sweep: it proves one pixel"):
        run_job(job_of(channels=1, certify="sweep", levels=(3,)), None)


def test_a_black_box_cannot_be_bounded(job_of):
    job = job_of()
    black_box = AssessJob(job.spec, CallableClassifier(module_of(job), kind="logits"), job.data)
    with run_job(black_box, None) as run:
        assert any("no torch module" in each.message for each in run.manifest.findings)
    named = job_of(certify="bounds")
    with pytest.raises(InputError, match="no torch module"):
        run_job(AssessJob(named.spec, black_box.classifier, named.data), None)


def test_the_identity_says_what_is_certified(job_of):
    known = {job_of(**options).identity for options in ({}, {"certify": "none"}, {"certify_seconds": 5})}
    assert len(known) == 3
    none = {job_of(certify="none", certify_seconds=seconds).identity for seconds in (5, 60)}
    assert len(none) == 1


def test_a_sample_at_an_image_that_random_search_cannot_break_either(job_of):
    """What is proved stands against a thousand random images within it."""
    job = job_of()
    rng = np.random.default_rng(5)
    with run_job(job, None) as run:
        proved = [each.sample for each in run.certificates() if each.proved]
        assert proved
        for sample in proved:
            images = np.repeat(run.clean(sample)[None], 1000, 0)
            images[np.arange(1000), rng.integers(0, 4, 1000), rng.integers(0, 4, 1000)] = rng.integers(
                0, 256, (1000, 3)
            )
            with torch.inference_mode():
                scores = module_of(job)(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
            assert {*scores.argmax(1).tolist()} == {answer(module_of(job), run.clean(sample))}


def test_classifiers_are_compared_by_their_own_answers():
    """The kit's answer is the classifier's."""
    module, image = convolutional((4, 4, 3)), random_image((4, 4, 3))
    scores = classifier_of(module).scores(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255)
    assert int(scores.argmax()) == answer(module, image)


def test_from_python():
    module = convolutional((4, 4, 3), seed=2)
    images = np.stack([random_image((4, 4, 3), seed) for seed in range(3)])
    options = {"attacks": ("few-pixel",), "levels": (1,), "max_queries": 2, "search": "sparse-random", "samples": 3}
    labels = np.array([answer(module, image) for image in images])
    result = pixelproof.assess(module, images, labels, certify="bounds", certify_seconds=30, device="cpu", **options)
    assert {each.method for each in result.run.certificates()} == {"bounds"}
    with pytest.raises(InputError, match="certify_seconds"):
        pixelproof.assess(module, images, labels, certify_seconds=0, **options)
