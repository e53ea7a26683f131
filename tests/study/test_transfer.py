"""Stored images against a model: its own fool it all, a search fools no less, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelproof.errors import InputError
from pixelproof.jobs.runner import run_job
from pixelproof.jobs.transfer import Source, Stored, TransferJob, TransferSpec, merged, source_of, sources_in
from pixelproof.models import Classifier, load_model, wrap_model
from pixelproof.plans.study.view import StudyView
from pixelproof.results.study import Answer
from pixelproof.results.study.fast import FastRow, fast_rows_of
from pixelproof.results.study.transfer import CleanRecord, TransferRecord, answers_in, right_in
from pixelproof.runs import DataCard, RunStore
from tiny_run import Cli, run_tiny

pytestmark = pytest.mark.slow

Conducted = tuple[Path, StudyView]


def flat(grey: int) -> np.ndarray:
    return np.full((2, 2, 3), grey, np.uint8)


def by_brightness(images: torch.Tensor) -> torch.Tensor:
    """A network that answers 1 to images of more than 100 on average, 0 to others."""
    bright = 255 * images.mean((1, 2, 3)) - 100.0001
    return torch.stack([-bright, bright], 1)


def shown(sources: list[Source]) -> RunStore:
    """What the network by brightness answers, on images that are too few for a preflight."""
    model = wrap_model(by_brightness, name="bulb", kind="logits")
    data = DataCard("dark", sources[0].data_sha256, 3, (2, 2, 3), ("dark", "bright"))
    return run_job(TransferJob(TransferSpec(model="bulb"), model, sources, data, looked_at=True), None)


def fast(folders: list[Path], model: Classifier) -> list[FastRow]:
    """The fast assessment of ``model`` by the images of the runs in ``folders``."""
    spec = TransferSpec(model=model.name, sources=tuple(map(str, folders)))
    with run_job(TransferJob(spec, model, *sources_in(folders, model.name)), None) as run:
        return fast_rows_of(run)


def source(label: str, sha: str = "a", **stored: list[tuple[int, int, int]]) -> Source:
    """Samples 0 to 2 are dark, so of class 0; images are (sample, distance, grey) by attack."""
    images = [Stored(s, attack, d, flat(grey)) for attack, found in stored.items() for s, d, grey in found]
    clean = {0: flat(10), 1: flat(90), 2: flat(120)}
    return Source(label, f"run of {label}", sha, tuple(stored), clean, dict.fromkeys(clean, 0), tuple(images))


def test_answers_by_hand() -> None:
    a = source("a", threshold=[(0, 5, 15), (1, 20, 110), (2, 1, 121)])
    b = source("b", threshold=[])
    with shown([a, b]) as run:
        assert right_in(run) == {0: True, 1: True, 2: False}
        found = answers_in(run, "bulb", {"a": ("threshold",), "b": ("threshold",)})
        assert {key: tuple(each) for key, each in found.items()} == {
            ("a", "bulb", "threshold"): (Answer(0, 5, False), Answer(1, 20, True), Answer(2, 1, True)),
            ("b", "bulb", "threshold"): (),
        }
        assert run.manifest.timings["queries"] == 3 + 3  # every clean image is asked about once


def test_of_two_runs_of_one_network_the_nearer_image_counts() -> None:
    one = source("a", threshold=[(0, 5, 15), (1, 20, 110)])
    other = source("a", threshold=[(1, 12, 102), (2, 3, 123), (0, 7, 17)])
    (joined,) = merged([one, other])
    assert sorted((each.sample, each.distance) for each in joined.stored) == [(0, 5), (1, 12), (2, 3)]
    with pytest.raises(InputError, match=r"^a and b differ in data: a against b; take images from runs over the same"):
        merged([one, source("b", "b", threshold=[])])


def test_a_source_has_the_nearest_image_of_each_sample(conducted: Conducted) -> None:
    out, _ = conducted
    with RunStore.open(out / "runs" / "lenet" / "de") as run:
        found = source_of(run, "lenet")
        records = [record for record in run.records() if record.success]
    assert {(each.attack, each.sample) for each in found.stored} == {(r.attack, r.sample) for r in records}
    for each in found.stored:
        own = [r for r in records if (r.attack, r.sample) == (each.attack, each.sample)]
        assert each.distance == min(r.l0 if each.attack == "few-pixel" else r.linf for r in own)


def test_its_own_images_fool_a_model_whole(conducted: Conducted) -> None:
    """100 % of what was found, sample by sample and level by level: what the search itself reports."""
    out, view = conducted
    rows = fast([out / "runs" / "lenet" / "minimal"], load_model("zoo:lenet"))
    (searched,) = [
        run.assessed.fooled for run in view.runs if (run.assessed.label, run.assessed.role) == ("lenet", "minimal")
    ]
    assert {(row.attack, row.threshold): row.fooled for row in rows} == searched


def test_a_model_may_bear_the_name_of_its_source(conducted: Conducted) -> None:
    out, _ = conducted
    model = load_model("zoo:lenet")
    model.name = "lenet"
    rows = fast([out / "runs" / "lenet" / "levels"], model)
    assert rows[0].sources == ("lenet (its own)",)


def test_it_is_a_lower_bound_of_the_search(conducted: Conducted) -> None:
    """Every sample fooled by the images of others is fooled by the search against the model, given the same images."""
    out, _ = conducted
    model = load_model("zoo:lenet")
    sources = [out / "runs" / "lenet-bits-3" / "minimal", out / "runs" / "lenet-bits-3" / "levels"]
    with RunStore.open(out / "runs" / "lenet" / "minimal") as run:
        own = source_of(run, "lenet")
        data = run.manifest.data
    rows = fast([*sources, out / "runs" / "lenet" / "minimal"], model)
    alone = fast(sources, model)
    for more, fewer in zip(rows, alone, strict=True):
        assert (more.attack, more.threshold) == (fewer.attack, fewer.threshold)
        assert more.fooled.successes >= fewer.fooled.successes
    spec = TransferSpec(model="zoo:lenet")
    with run_job(TransferJob(spec, model, [own], data, looked_at=True), None) as run:
        answers = answers_in(run, model.name, {"lenet": ("few-pixel", "threshold")})
    assert all(answer.fooled for each in answers.values() for answer in each)


def test_on_the_command_line(cli: Cli, conducted: Conducted, tmp_path: Path) -> None:
    runs = conducted[0] / "runs"
    sources = ("--from", runs / "lenet" / "minimal", "--from", runs / "lenet-bits-3" / "minimal")
    answer = cli("transfer", *sources, "--model", "zoo:lenet", "--defence", "bits(3)", "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "A lower bound for zoo:lenet + " in answer.out
    assert "no search was made" in answer.out
    assert "Few-pixel (L0)" in answer.out
    assert "For other samples nothing follows" in " ".join(answer.out.split())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".run.lock",
        "run.sqlite",
        "results.json",
        *(f"study-fast.{form}" for form in ("csv", "md", "tex")),
    }
    assert cli("verify", tmp_path / "out").code == 0
    assert cli("transfer", *sources, "--model", "zoo:lenet").code == 0


def test_json_is_the_rows_alone(cli: Cli, conducted: Conducted, tmp_path: Path) -> None:
    source = conducted[0] / "runs" / "lenet" / "minimal"
    words = ("transfer", "--from", source, "--model", "zoo:lenet", "--defence", "bits(3)", "--out", tmp_path / "out")
    told = cli(*words, "--json")
    assert told.code == 0
    assert "A lower bound for zoo:lenet" in told.err
    with RunStore.open(tmp_path / "out") as run:
        right = {each.sample for each in run.of(CleanRecord) if each.right}
        fooling = [each for each in run.of(TransferRecord) if each.fooled and each.sample in right]
    assert fooling
    for row in json.loads(told.out)["rows"]:
        within = [each for each in fooling if each.constraint == row["attack"] and each.distance <= row["threshold"]]
        assert row["successes"] == len(within)


@pytest.mark.slow
def test_what_cannot_be_asked(cli: Cli, tmp_path: Path) -> None:
    run_tiny(tmp_path / "none", samples=1, levels=(1,), max_queries=2).close()
    run_tiny(tmp_path / "other", samples=2, levels=(10,), max_queries=60, range=(3, 30)).close()
    mistakes = {
        "there is no": ["--from", tmp_path / "gone"],
        "no run found an adversarial image; take one that did.": ["--from", tmp_path / "none"],
        "differ in data": ["--from", tmp_path / "none", "--from", tmp_path / "other"],
        "no defence 'blur'": ["--from", tmp_path / "other", "--defence", "blur"],
    }
    for trouble, arguments in mistakes.items():
        answer = cli("transfer", *arguments, "--model", "zoo:lenet")
        assert answer.code == 2
        assert trouble in answer.err
        assert answer.err.count("\n") == 1
    assert cli("transfer", "--model", "zoo:lenet").code == 2
