"""An audit from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pixelproof as pp
from audit_kit import HONEST, bundled, claim, lenet
from pixelproof.results.audit.view import AuditView

SMALL = {"samples": 10, "iterations": 10, "only": (4,), "device": "cpu"}


def audited(told: object, **options: object) -> AuditView:
    data = bundled().take(slice(0, 80))
    return pp.audit(lenet(), data.images, data.labels, told, **{**SMALL, **options})  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_claim_is_a_mapping_a_file_or_a_claim(tmp_path: Path):
    path = tmp_path / "claim.toml"
    path.write_text(
        "clean_accuracy = 76\nrobust_accuracy = 25\n"
        '[threat]\ngoal = "untargeted"\nknowledge = "white-box"\nnorm = "linf"\nepsilon = 1\n'
        '[evaluation]\nattack = "autoattack"\nnorm = "linf"\nepsilon = 1\niterations = 100\nadaptive = true\n'
        'goal = "untargeted"\nsamples = 1000\n',
        "utf-8",
    )
    views = [audited(told) for told in (HONEST, path, str(path), claim())]
    assert {view.claim for view in views} == {claim()}
    assert len({view.manifest.identity for view in views}) == 1
    assert views[0].answers == views[1].answers
    assert [each.number for each in views[0].answers] == [4]
    assert views[0].verdict == "open"


@pytest.mark.slow
def test_a_folder_is_continued_and_has_the_review(tmp_path: Path):
    view = audited(HONEST, out=tmp_path, name="mine")
    assert (tmp_path / "report.html").exists()
    assert audited(HONEST, out=tmp_path, name="mine").answers == view.answers
    assert repr(view).startswith("Audit of mine: Undecided")
    assert "<table>" in view._repr_html_()  # type: ignore[attr-defined]


def test_the_stream_of_random_numbers_of_others_is_left_alone():
    data, model = bundled().take(slice(0, 80)), lenet()
    before = torch.get_rng_state()
    pp.audit(model, data.images, data.labels, HONEST, **SMALL)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("told", "options", "said"),
    [
        ({**HONEST, "threat": {}}, {}, "threat.norm"),
        ({key: HONEST[key] for key in HONEST if key != "threat"}, {}, "threat: it is missing"),
        ("none.toml", {}, "There is no claim none.toml"),
        (HONEST, {"only": (99,)}, "there is no checkpoint 99"),
        (HONEST, {"speed": 3}, "pp.audit has no option speed; did you mean seed"),
        (HONEST, {"trust_code": True}, "From Python there is no option trust_code"),
    ],
)
def test_mistakes_are_named(told: object, options: dict[str, object], said: str):
    with pytest.raises(pp.InputError, match=said):
        audited(told, **options)
