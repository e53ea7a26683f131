"""What passed for verified once: each with all digests computed again, found by what is computed or done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.torture.alterations import forge
from benchmarks.torture.lies import LIES

from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.open import told_spec
from pixelproof.jobs.verify import verify
from pixelproof.models import Classifier
from pixelproof.runs import RunStore
from pixelproof.runs.verify import problems_of
from tiny_run import TINY_RECORDS, run_tiny
from verify.conftest import Lied
from verify_kit import verified
from watched import CPU

pytestmark = pytest.mark.slow


def _manifest(key: str, change: Callable[[Any], Any]) -> Callable[[RunStore], object]:
    def do(run: RunStore) -> bool:
        value = change(json.loads(json.dumps(run._manifest_values()[key])))
        run._db.execute("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(value), key))
        return True

    return do


def _record(column: str, value: str, where: str) -> Callable[[RunStore], object]:
    chosen = f"SELECT id FROM records WHERE {where} ORDER BY id LIMIT 1"
    return lambda run: run._db.execute(f'UPDATE records SET "{column}" = {value} WHERE id = ({chosen})').rowcount


def test_what_was_not_altered_holds_done_again_too(lied: Lied) -> None:
    outcome = lied(lambda _: True, share=1.0)
    assert (outcome.problems, outcome.unchecked) == ((), ())
    assert outcome.replayed is not None
    assert (outcome.replayed.steps, outcome.replayed.of, outcome.replayed.records) == (2, 2, TINY_RECORDS)


FOUND = {
    "clean accuracy of 100 %": "images are classified correctly",
    "a warning that was not": "tells of a finding that there is not",
    "classes in another order": "data, class_names",
    "a model of another name": "model, name",
    "data of another name": "data, name",
    "without its last sample": "images considered",
    "robust at a level above the one it fell at": "withstood, yet",
    "a failure whose image fools": "yet an image or a distance is stored",
    "images that lie nearer": "The distances of",
    "a search of more queries": "are not those of a search that has 10000",
}


@pytest.mark.parametrize("lie", FOUND)
def test_a_lie_is_found_without_doing_anything_again(lied: Lied, lie: str) -> None:
    assert any(FOUND[lie] in problem for problem in lied(LIES[lie]).problems)


def test_a_run_that_says_it_is_not_finished_is_told_to_claim_less(lied: Lied) -> None:
    lie = LIES["a finished run that is not"]
    assert lied(lie).unchecked == ("The run is not finished: what is still missing claims nothing.",)
    assert any("which the run does not tell of" in problem for problem in lied(lie, share=1.0).problems)


def test_warnings_that_were_taken_away_are_found(lied: Lied, tmp_path: Path) -> None:
    with run_tiny(tmp_path / "run", range=(0, 200), attacks=("few-pixel",), levels=(1,)) as run:
        assert [finding.name for finding in run.manifest.findings] == ["low-accuracy"]
        content = run.to_bytes()
    assert lied(lambda _: True, content=content).holds
    (problem,) = lied(LIES["no warnings"], content=content).problems
    assert problem.startswith("The run does not tell of a finding that there is: low-accuracy, warning")


@pytest.mark.parametrize("lie", ["no successes", "one sample robust"])
def test_erased_successes_are_found_by_a_replay_alone(lied: Lied, lie: str) -> None:
    assert lied(LIES[lie]).holds
    problems = lied(LIES[lie], share=1.0).problems
    assert any("comes out with another success" in problem for problem in problems)


@pytest.mark.parametrize("column", ["margin", "restarts", "swept"])
def test_effort_of_a_failure_is_found_by_a_replay(lied: Lied, column: str) -> None:
    change = _record(column, f"{column} + 1", "success = 0")
    assert lied(change).holds
    (problem,) = lied(change, share=1.0).problems
    assert problem.endswith(f"comes out with another {column}.")


@pytest.mark.parametrize(
    ("column", "value", "where"),
    [
        ("seed", "seed + 1", "success = 0"),
        ("queries", "queries + 5", "success = 0"),
        ("queries", "queries / 2", "success = 0"),
        ("gave_up", "1", "success = 0"),
        ("gradient_steps", "1", "success = 0"),
        ("clean_confidence", "clean_confidence / 2", "success = 0"),
        ("predicted", "(label + 1) % 10", "success = 0"),
        ("confidence", "confidence / 2", "success = 0"),
        ("target", "(label + 1) % 10", "success = 0"),
        ("l1", "3", "success = 0"),
        ("linf", "3", "success = 0"),
        ("margin", "margin - 1", "success AND inherited_from IS NULL"),
        ("clean_confidence", "clean_confidence / 2", "success AND inherited_from IS NULL"),
        ("inherited_from", "NULL", "inherited_from IS NOT NULL"),
        ("inherited_from", "1", "success AND inherited_from IS NULL"),
        ("queries", "3", "inherited_from IS NOT NULL"),
    ],
)
def test_a_value_of_a_record_is_found(lied: Lied, column: str, value: str, where: str) -> None:
    assert not lied(_record(column, value, where)).holds


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("selection", lambda chosen: {**chosen, "rule": "the best images"}),
        ("settings", lambda settings: {**settings, "batch_size": settings["batch_size"] * 2}),
        ("settings", lambda settings: {**settings, "precision": "bfloat16"}),
        ("settings", lambda settings: {**settings, "plugins": {"evil": "1.0"}}),
        ("spec", lambda spec: {**spec, "seed": 3}),
        ("details", lambda _: {"certify": [["sweep", "few-pixel", 1]]}),
        ("model", lambda model: {**model, "kind": "probabilities"}),
        ("data", lambda data: {**data, "images": data["images"] + 5}),
    ],
)
def test_a_value_of_the_manifest_is_found(lied: Lied, key: str, change: Callable[[Any], Any]) -> None:
    assert not lied(_manifest(key, change)).holds


def test_every_setting_is_found(whole: bytes, lied: Lied) -> None:
    with RunStore.of_bytes(whole) as run:
        settings = run.manifest.settings
    assert len(settings) > 10
    for name, value in settings.items():
        for other in (value + 1 if type(value) in (int, float) else f"{value}1", [name], None):
            if other != value:
                assert noticed(lied, _manifest("settings", lambda told, n=name, o=other: {**told, n: o})), name  # type: ignore[misc]
        assert noticed(lied, _manifest("settings", lambda told, n=name: {k: told[k] for k in told if k != n})), name  # type: ignore[misc]


def noticed(lied: Lied, change: Callable[[RunStore], object]) -> bool:
    """Whether it does not hold, or is refused as what no run says."""
    try:
        return not lied(change).holds
    except InputError:
        return True


@pytest.mark.parametrize(
    "change",
    [
        _manifest("timings", lambda timings: {**timings, "seconds": 0.5}),
        _manifest("environment", lambda environment: {**environment, "date": "1999-01-01"}),
        _record("seconds", "seconds + 1", "success = 0"),
    ],
    ids=["timings", "environment", "seconds"],
)
def test_what_only_the_digest_holds(
    whole: bytes, bundled: ImageSet, lenet: Classifier, lied: Lied, change: Callable[[RunStore], object]
) -> None:
    assert lied(change, share=1.0).holds
    with RunStore.of_bytes(whole) as run:
        noted, spec = run.root, told_spec(run)
        assert verify(run, spec, lenet, bundled, CPU, digest=noted).holds
        change(run)
        forge(run)
        (problem, *_) = verify(run, spec, lenet, bundled, CPU, digest=noted).problems
        assert problem == f"The digest of the run is {run.root}, not {noted}."


def test_a_share_of_the_steps_is_done_again(whole: bytes, bundled: ImageSet, lenet: Classifier) -> None:
    """One of two attacks, by the seed: each is drawn in time."""
    with RunStore.of_bytes(whole) as run:
        LIES["no successes"](run)
        forge(run)
        found = {verified(run, lenet, bundled, 0.5, seed).problems[0] for seed in range(6)}
    assert {each.split(", ")[2] for each in found} == {"few-pixel", "threshold"}


def test_on_another_processor_what_differs_is_told_and_not_judged(lied: Lied) -> None:
    def elsewhere(run: RunStore) -> object:
        LIES["one sample robust"](run)
        return _manifest("environment", lambda here: {**here, "instructions": "others"})(run)

    outcome = lied(elsewhere, share=1.0)
    assert outcome.holds
    assert any("comes out with another success" in each for each in outcome.differing)
    assert any("of other arithmetic (instructions others before" in each for each in outcome.unchecked)


def test_without_the_model_records_and_images_are_looked_at(whole: bytes) -> None:
    with RunStore.of_bytes(whole) as run:
        assert verified(run, None, None).holds
        run._db.execute("UPDATE records SET l2 = l2 / 2 WHERE success")
        assert any("The distances of" in problem for problem in problems_of(run))
