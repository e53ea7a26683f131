"""pp.certify: one image or several, proved, broken or open, with certificates that are checked again."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelproof as pp
from model_files import images, network
from proofs_kit import answer, breaks, convolutional, random_image

LABELS = network()(images(40)).argmax(1)


def test_several_images_come_out_proved_or_broken() -> None:
    result = pp.certify(network(), images(6), LABELS[:6], attacks="threshold", levels=(1, 20), device="cpu")
    answers = [status.answer for status in result.status("linf", 1)]
    proved = {c.sample for c in result.certificates if c.proved and c.threshold == 1}
    assert proved == {status.sample for status in result.status("linf", 1) if status.answer == "proved"}
    assert "proved" in answers
    assert "broken" in [status.answer for status in result.status("linf", 20)]


@pytest.mark.parametrize("broken", [False, True])
def test_it_agrees_with_asking_about_every_image_there_is(broken: bool) -> None:
    """Of one changed pixel of a grey image."""
    module = convolutional((4, 4, 1), gain=1.5)
    image = next(
        each for each in (random_image((4, 4, 1), seed) for seed in range(50)) if breaks(module, each) == broken
    )
    result = pp.certify(
        module, image, answer(module, image), attacks="few-pixel", certify="sweep", max_queries=2, device="cpu"
    )
    assert result.status("few-pixel", 1)[0].answer == ("broken" if broken else "proved")


@pytest.mark.parametrize("label", [int(LABELS[0]), LABELS[0], np.int64(LABELS[0])])
def test_one_image_with_one_label(label: Any) -> None:
    for image in (images(1)[0], (images(1)[0] * 255).byte().permute(1, 2, 0).numpy()):
        result = pp.certify(network(), image, label, attacks="threshold", certify="bounds", device="cpu")
        assert result.verdicts == ["threshold th=1: proved for 1 of 1 image, by bounds"]


def test_the_run_is_kept_and_checked_again(tmp_path: Path) -> None:
    given = (network(), images(2), LABELS[:2])
    result = pp.certify(*given, attacks="threshold", device="cpu", out=tmp_path / "run", name="small")
    again = pp.certify(*given, attacks="threshold", device="cpu", out=tmp_path / "run", name="small")
    assert again.certificates == result.certificates == pp.load_run(tmp_path / "run").certificates
    assert again.run.manifest.identity == result.run.manifest.identity


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attacks": "few-pixel", "levels": 3}, r"^Nothing can be proved of Small at these levels: what can be proved"),
        ({"certify": "sweep"}, r"^certify sweep: .* 3 channels .*; use bounds\."),
        ({"certify": "none"}, r"^certify: none proves nothing; expected auto, sweep, bounds or masks"),
        ({"certify_seconds": 0}, r"^certify_seconds: input should be greater than 0"),
        ({"level": 1}, r"^pp.certify has no option level; did you mean levels\?"),
    ],
)
def test_what_cannot_be_proved_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(pp.InputError, match=said):
        pp.certify(network(), images(2), LABELS[:2], **options)


def test_a_model_of_which_nothing_can_be_proved() -> None:
    with pytest.raises(pp.InputError, match=r"is no torch module in float32 .* Use pp.assess to search them\."):
        pp.certify(lambda shown: network()(shown), images(2), LABELS[:2], name="mine")


def test_its_parameters_are_those_of_assess() -> None:
    own, of_assess = (inspect.signature(each).parameters for each in (pp.certify, pp.assess))
    assert own.keys() < of_assess.keys()
    assert [name for name in of_assess if name in own] == list(own)
    shared = {name for name in own if own[name].default == of_assess[name].default}
    assert own.keys() - shared == {"levels", "max_queries", "certify"}
