"""Failure probabilities through the whole house: job, resume, verify, page, JSON; and never as a worst case."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import pixelproof
from html_page import Page
from pixelproof.errors import InputError
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import open_job
from pixelproof.jobs.runner import begin, carry_out, run_job
from pixelproof.report import levels_html
from pixelproof.report.assess import assess_page, write_run
from pixelproof.report.assess_summary import summary
from pixelproof.report.failure import NO_WORST_CASE
from pixelproof.results.document import document
from pixelproof.results.view import read
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE
from pixelproof.runs.verify_shares import shares
from tiny_run import Cli
from words import beyond

OPTIONS = {
    "model": "zoo:lenet",
    "data": "bundled",
    "range": (0, 30),
    "attacks": ("random(linf,th=12)", "random(l0,th=3)"),
    "failure_probability": True,
    "max_queries": 1500,
    "samples": 3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shares") / "run"
    with run_job(open_job(make_spec(**OPTIONS)), place) as run:
        write_run(run, place)
    return place


def found(run: RunStore) -> list[object]:
    return [replace(each, seconds=0) for each in run.failure_probabilities()]


def test_a_run_of_shares_alone_has_one_of_each_sample_and_distribution(folder):
    with RunStore.open(folder) as run:
        assert [(p.distribution, p.sample) for p in run.failure_probabilities()] == [
            (spec, sample)
            for spec in ("random(norm=linf,th=12,grid=8-bit)", "random(norm=l0,th=3,grid=8-bit)")
            for sample in run.manifest.selection.samples
        ]
        assert all(p.queries <= 1500 for p in run.failure_probabilities())


def test_what_an_image_comes_to_depends_neither_on_neighbours_nor_on_interruptions(folder, tmp_path):
    job = open_job(make_spec(**OPTIONS))
    with begin(job, tmp_path) as run:
        first = job.left(run)[4]
        carry_out(run, job, backend=lambda job, run, _: job.work(run, [first]))
    with RunStore.open(tmp_path, write=True) as run:
        run.reopen({})
    with run_job(open_job(make_spec(**OPTIONS)), tmp_path) as run, RunStore.open(folder) as other:
        assert found(run) == found(other)


def test_every_number_follows_from_its_count_and_others_are_found_out(folder, tmp_path):
    with RunStore.open(folder) as run:
        assert shares(run) == []
        run.copy_to(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE failure_probabilities SET high = high / 2 WHERE id = 1")
        database.execute("DELETE FROM failure_probabilities WHERE id = 2")
    with RunStore.open(tmp_path) as run:
        (missing, wrong) = shares(run)
        assert "is missing" in missing
        assert "does not follow from its count" in wrong


@pytest.mark.parametrize("change", ["label = label + 1", "seed = seed + 1", "budget = budget + 1"])
def test_what_the_settings_say_of_every_number_is_found_out(folder, tmp_path, change):
    with RunStore.open(folder) as run:
        run.copy_to(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"UPDATE failure_probabilities SET {change} WHERE id = 1")
    with RunStore.open(tmp_path) as run:
        assert any("not that of the run" in problem for problem in shares(run))


def test_a_share_is_nowhere_called_a_worst_case_or_a_robust_accuracy(folder):
    with RunStore.open(folder) as run:
        page = Page(assess_page(run).html()).text
        told = [page, " ".join(summary(read(run))), levels_html(run)]
    for each in told:
        plain = re.sub(r"\s+", " ", each)
        assert NO_WORST_CASE in plain
        assert {word.lower() for word in re.findall(r"(\w+) worst.case", plain, re.IGNORECASE)} == {"no"}
        assert beyond(plain) == []
    shown = page[: page.index("How to read this report")]
    assert not re.search("robust accuracy|success rate|fooled|attacked", shown)


def test_scripts_are_told_the_shares(folder):
    with RunStore.open(folder) as run:
        told = json.loads(json.dumps(document(run)))["failure_probabilities"]
    assert len(told) == 6
    assert all(each["low"] <= (each["estimate"] or 0) <= each["high"] or each["estimate"] is None for each in told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attacks": ("random(linf,th=3)",), "failure_probability": False}, "add --failure-probability"),
        ({"attacks": ("few-pixel",)}, "say of what"),
        ({"target": "next"}, "leave --target out"),
        ({"max_queries": 500}, "1,000 at least"),
        ({"attacks": ("random(linf)",)}, "does not say what is drawn"),
    ],
)
def test_what_cannot_be_asked_for_is_said(options, said):
    with pytest.raises(InputError, match=said):
        make_spec(**{**OPTIONS, **options})


def test_labels_alone_are_refused():
    images, labels = np.zeros((2, 2, 2, 1), np.uint8), np.zeros(2, int)
    with pytest.raises(InputError, match="needs scores"):
        pixelproof.assess(
            lambda x: torch.zeros(len(x), dtype=torch.int64),
            images,
            labels,
            class_names=["a", "b"],
            attacks="random(linf,th=3)",
            failure_probability=True,
            kind="labels",
        )


class Half(nn.Module):
    """Answers 1 where the mean of an image is above ``limit`` grey levels."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        over = x.flatten(1).double().mean(1) * 255 - self.limit
        return torch.stack([-over, over], 1)


@pytest.mark.slow
def test_a_linear_network_under_normal_noise_breaks_with_the_probability_of_the_normal_law():
    """64 changes of standard deviation 8 have a mean of standard deviation 1: above 5 with probability Φ(−5)."""
    images = np.full((1, 8, 8, 1), 100, np.uint8)
    result = pixelproof.assess(
        Half(105),
        images,
        [0],
        class_names=["low", "high"],
        attacks="random(normal,th=8,grid=continuous)",
        failure_probability=True,
        device="cpu",
    )
    (share,) = result.run.failure_probabilities()
    assert share.low <= stats.norm.sf(5) <= share.high


def test_the_command_prints_shares_and_that_they_are_no_worst_case(cli: Cli, tmp_path):
    said = cli(
        *("assess", "--model", "zoo:lenet", "--data", "bundled", "--samples", "1", "--max-queries", "1000"),
        *("--attacks", "random(linf,th=12)", "--failure-probability", "--out", tmp_path / "run"),
    )
    assert said.code == 0, said.err
    assert "It is no worst case" in re.sub(r"\s+", " ", said.out)
