"""What goes through a model: how many images at once, how many in all, and what is said of it before and after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import model_files
import pixelproof as pp
from kinds import job_of_kind
from pixelproof.data import ImageSet, load_data
from pixelproof.defences import MaskedClassifier, Masks
from pixelproof.errors import ModelError, RunError
from pixelproof.jobs import preflight as preflights
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.cost import Cost, cost_line, speed_of, spent_line
from pixelproof.jobs.preflight import limit_for, preflight
from pixelproof.jobs.runner import begin, carry_out, run_job
from pixelproof.models import Classifier, load_model, wrap_model
from pixelproof.models.query import verifier
from pixelproof.runs import RunStore
from tiny_run import TINY_ARGUMENTS, Cli, contents
from watched import CPU, labelled_by, small_network

SHAPE = (6, 6, 1)
NETWORK = small_network(SHAPE, 4)
IMAGES = labelled_by(NETWORK, SHAPE, 60)
#: A search that costs little beside the model, with enough queries of ten samples for whole batches of 64.
QUICK = {"samples": 10, "attacks": ["threshold"], "search": "square", "max_queries": 110}


class Counting:
    """Counts the images that reach it, and raises ``error`` for more than ``most`` at once."""

    name, kind, differentiable, fingerprint = "counting", "logits", False, "counting"

    def __init__(
        self,
        answer: Callable[[Tensor], Tensor] = NETWORK,
        most: int = 1 << 30,
        error: type[Exception] = MemoryError,
        text: str = "",
    ) -> None:
        self.answer, self.most, self.error, self.text = answer, most, error, text
        self.images, self.largest = 0, 0

    def __call__(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise self.error(self.text)
        self.images += len(images)
        self.largest = max(self.largest, len(images))
        with torch.inference_mode():
            return self.answer(images)

    def classifier(self) -> Classifier:
        return wrap_model(self, name="counting", kind="logits")


def job(model: Classifier, images: ImageSet = IMAGES, **options: object) -> AssessJob:
    spec = make_spec(
        **{"model": "python:m", "data": "arrays", "levels": (1, 3), "max_queries": 200, "device": "cpu", **options}
    )
    return AssessJob(spec, model, images)


def counted(run: RunStore) -> float:
    """All images that the run says went through the model."""
    return sum(value for name, value in run.manifest.timings.items() if name != "seconds")


# How many in all.


@pytest.mark.parametrize("attack", ["few-pixel", "threshold"])
def test_six_images_two_samples_and_40_queries_send_at_most_150_images(attack: str) -> None:
    images, lenet = load_data("bundled").take(slice(0, 6)), load_model("zoo:lenet")
    model = Counting(lenet.scores)
    result = pp.assess(model, images.images, images.labels, samples=2, attacks=attack, levels=1, max_queries=40)
    assert 40 < model.images <= 150
    assert counted(result.run) == model.images


def test_the_preflight_takes_a_tenth_of_the_queries_and_never_too_few_nor_too_many() -> None:
    assert [limit_for(queries) for queries in (10, 1_000, 5_000, 10**9)] == [20, 100, 500, 1000]
    model = Counting()
    run = run_job(job(model.classifier(), samples=2, attacks=["threshold"], levels=(1,)), None)
    assert run.manifest.model.checked == 40  # of 400 queries


@pytest.mark.parametrize(("seconds", "checked"), [(0.001, 60), (1.0, 60), (2.0, 32), (30.0, 20)])
def test_a_slow_model_is_asked_about_fewer_images(
    monkeypatch: pytest.MonkeyPatch, seconds: float, checked: int
) -> None:
    model, now = Counting(), 0.0

    def slow(images: Tensor) -> Tensor:
        nonlocal now
        now += seconds * len(images)
        return model(images)

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    found = preflight(wrap_model(slow, kind="logits"), IMAGES, batch_size=4, device=CPU)
    assert found.checked == checked
    assert found.images_per_second == pytest.approx(1 / seconds)
    assert model.images == checked + 2 * 4  # asked again, and in other places


def test_a_slow_model_that_is_often_wrong_is_tried_on_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    model, now = Counting(lambda images: NETWORK(1 - images)), 0.0

    def slow(images: Tensor) -> Tensor:
        nonlocal now
        now += 2 * len(images)
        return model(images)

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    preflight(wrap_model(slow, kind="logits"), IMAGES, batch_size=4, device=CPU, refuse_chance=False)
    assert model.images == 32 + 3 * 20 + 2 * 4  # three other value ranges of grey images


def test_the_first_images_looked_at_are_spread_whatever_the_order_of_the_classes() -> None:
    for labels in (torch.arange(1000) // 100, torch.arange(1000) % 10):
        first = labels[preflights._spread(1000, 1000)[:32]]
        assert len(first.unique()) >= 8


# How many at once.


def test_a_given_batch_is_the_only_one_beside_the_judges() -> None:
    model = Counting()
    run = run_job(job(model.classifier(), **QUICK, batch_size=24), None)
    assert (model.largest, run.manifest.settings["batch_size"]) == (24, 24)


class Fixed(Counting):
    """Takes ``fixed_batch`` images at once and no other number."""

    def __init__(self, fixed_batch: int) -> None:
        super().__init__()
        self.fixed_batch = fixed_batch

    def scores(self, images: Tensor) -> Tensor:
        assert len(images) % self.fixed_batch == 0
        return torch.cat([self(part) for part in torch.split(images, self.fixed_batch)])


@pytest.mark.parametrize("fixed", [1, 3, 100])
def test_a_fixed_batch_is_filled_up_to_itself_and_not_to_another(fixed: int) -> None:
    model = Fixed(fixed)
    run = run_job(job(model, **QUICK), None)
    assert model.largest == fixed
    assert counted(run) == model.images
    assert ("padding" in run.manifest.timings and run.manifest.timings["padding"] > 0) == (fixed > 1)
    assert run.manifest.settings["batch_size"] % fixed == 0


def test_a_model_behind_masks_with_a_fixed_batch_of_1_is_asked_no_image_twice() -> None:
    model = Fixed(1)
    masked = MaskedClassifier(model, Masks(2))
    verifier(masked, CPU).classes_of([IMAGES.images[0]])
    assert masked.asked["padding"] == 0
    assert masked.asked["queries"] == model.images


@pytest.mark.slow
def test_an_onnx_file_of_batch_1_says_the_same_as_its_network_and_is_not_multiplied(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    network = model_files.network()
    images = labelled_by(network, (8, 8, 3), 12)
    model = load_model(model_files.write("onnx, one at a time", tmp_path, network))
    run = run_job(job(model, images, samples=3), None)
    timings = run.manifest.timings
    assert "padding" not in timings or timings["padding"] == 0
    free = run_job(job(wrap_model(network, kind="logits"), images, samples=3), None)
    assert [r.success for r in run.records()] == [r.success for r in free.records()]


# Memory.


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError, ""),
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB"),
        (RuntimeError, "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_memory_error_halves_the_batch_for_the_whole_run(error: type[Exception], text: str) -> None:
    small = Counting(most=8, error=error, text=text)
    found = run_job(job(small.classifier(), **QUICK), None)
    assert found.manifest.settings["batch_size"] == small.largest == 8
    (warning,) = [each for each in found.manifest.findings if each.name == "smaller-batches"]
    assert warning.message.startswith("The model ran out of memory on 64 images at once; this run asks about 8 at once")
    given = run_job(job(Counting().classifier(), **QUICK, batch_size=8), None)
    assert contents(found) == contents(given)


def test_a_run_with_a_smaller_batch_is_gone_on_with_in_that_batch(tmp_path: Path) -> None:
    run = begin(job(Counting(most=8).classifier(), **QUICK), tmp_path)
    whole = run_job(job(Counting(most=8).classifier(), **QUICK), None)
    run.commit((record, whole.image(record)) for record in whole.records()[:3])
    run.close()
    roomy = Counting()
    with run_job(job(roomy.classifier(), **QUICK), tmp_path) as found:
        assert roomy.largest == 8
        assert contents(found) == contents(whole)
    with pytest.raises(RunError, match="another run"):
        begin(job(roomy.classifier(), **QUICK, batch_size=64), tmp_path)


@pytest.mark.parametrize(("most", "options"), [(8, {"batch_size": 32}), (3, {})])
def test_where_the_batch_cannot_be_halved_one_sentence_says_what_to_do(most: int, options: dict[str, int]) -> None:
    rows = options.get("batch_size", 4)
    with pytest.raises(ModelError) as caught:
        begin(job(Counting(most=most).classifier(), **QUICK, **options), None)
    assert str(caught.value) == (
        f"The model counting ran out of memory on {rows} images of shape 1×6×6 at once; expected room for them, so "
        "give a smaller --batch-size, smaller images or another --device."
    )


def test_another_runtime_error_is_no_memory_error() -> None:
    with pytest.raises(ModelError, match="failed on 64 images"):
        begin(job(Counting(most=8, error=RuntimeError, text="shapes cannot be multiplied").classifier()), None)


# What is said of it.


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["levels", "minimal", "perturb", "clever"])
def test_no_more_is_asked_than_was_said_before(kind: str, kinds: dict[str, Path], claim_file: Path) -> None:
    made = job_of_kind(kind, kinds["levels"], claim_file)
    with begin(made, None) as run:
        cost = made.cost(run)
        assert cost is not None
        carry_out(run, made)
        assert 0 < run.manifest.timings["queries"] <= cost.queries
        assert made.cost(run) == replace(cost, queries=0)


def test_what_is_left_of_a_run_costs_what_is_left() -> None:
    def with_records(count: int) -> int:
        made = job(Counting().classifier(), **{**QUICK, "samples": 4})
        run = begin(made, None)
        run.commit((record, whole.image(record)) for record in whole.records()[:count])
        return made.cost(run).queries

    whole = run_job(job(Counting().classifier(), **{**QUICK, "samples": 4}), None)
    assert [with_records(count) for count in (0, 1, 3, 8)] == [880, 770, 550, 0]


def test_attacks_by_name_are_named_where_no_number_is_known() -> None:
    made = job(Counting().classifier(), samples=2, attacks=["threshold", "square(queries=10)"], levels=(1,))
    run = begin(made, None)
    assert made.cost(run) == Cost(2 * 200, run.manifest.settings["batch_size"], ["square"])


def test_the_lines_say_numbers_and_times_that_follow_from_them() -> None:
    assert cost_line(Cost(8_000, 16), 0) == "at most 8,000 queries, in batches of 16."
    assert cost_line(Cost(8_000, 16), 100) == (
        "at most 8,000 queries, in batches of 16; at about 100 images a second the model alone takes 0:01:20 for 8,000."
    )
    assert cost_line(Cost(1, 4, ["pgd", "the proofs"]), 0.25) == (
        "at most 1 query, and those of pgd and the proofs, in batches of 4; at about an image in 4 s the model alone "
        "takes 0:00:04 for 1."
    )
    timings = {"seconds": 10.0, "queries": 78.0, "preflight": 16.0, "padding": 6.0, "gradient_steps": 5.0}
    assert (
        spent_line(timings)
        == "78 queries; beside them 16 to check the model and 6 to fill batches up: 100 images in all."
    )
    assert spent_line({"queries": 3.0}) == "3 queries."
    assert (speed_of(timings), speed_of({})) == (10.0, 0.0)


@pytest.mark.slow
def test_a_command_says_before_and_after_what_it_asks(cli: Cli, tmp_path: Path) -> None:
    lines = cli("assess", *TINY_ARGUMENTS, "--out", str(tmp_path / "run")).out.splitlines()
    (before,) = [
        k for k, line in enumerate(lines) if line.startswith("to ask: at most 1,200 queries, in batches of 32;")
    ]
    (after,) = [k for k, line in enumerate(lines) if line.startswith("asked: ")]
    with RunStore.open(tmp_path / "run") as run:
        assert lines[after] == f"asked: {spent_line(run.manifest.timings)}"
    assert before < after
    again = cli("assess", *TINY_ARGUMENTS, "--out", str(tmp_path / "run")).out
    assert "to ask" not in again
