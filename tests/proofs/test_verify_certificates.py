"""Verification finds every certificate that was planted, also by someone who computes all digests again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pixelproof.data.imageset import UInt8Array
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.runner import run_job
from pixelproof.models import TorchClassifier
from pixelproof.proofs.check_allowance import allowance
from pixelproof.proofs.check_network import Network
from pixelproof.runs import Certificate, Record, RunStore
from pixelproof.runs.distances import pixel_distances
from pixelproof.runs.table import columns, row_digest, sealed, to_row
from proofs_kit import answer, body_of, classifier_of, convolutional, halves, module_of, prove
from verify_kit import verified

pytestmark = pytest.mark.slow

ALTERED = "was altered"


def _problems(folder: Path, job: AssessJob, classifier: TorchClassifier | None = None) -> list[str]:
    with RunStore.open(folder) as run:
        return list(verified(run, classifier or job.classifier, job.data).problems)


def _forge(folder: Path, change: Callable[[RunStore, list[Certificate]], list[Certificate]], **manifest: Any) -> None:
    """Put what ``change`` makes of the certificates in their place, with all digests computed again."""
    with RunStore.open(folder, write=True) as run:
        changed = change(run, run.certificates())
        run._db.execute("DELETE FROM certificates")
        run.commit([(each, None) for each in changed])
        _seal(run, **manifest)


def _seal(run: RunStore, **changes: Any) -> None:
    values = run._manifest_values()
    values.pop("seal")
    values |= {"contents": run._contents(), **changes}
    rows = [(key, json.dumps(value)) for key, value in [*values.items(), ("seal", sealed(values))]]
    run._db.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows)
    assert run.altered() == []


def _first_proved(change: Callable[[RunStore, Certificate], Certificate]) -> Callable[..., list[Certificate]]:
    def make(run: RunStore, certificates: list[Certificate]) -> list[Certificate]:
        first = next(each for each in certificates if each.proved)
        return [change(run, each) if each is first else each for each in certificates]

    return make


def test_what_was_proved_holds(run, job):
    assert _problems(run, job) == []
    _forge(run, lambda _, certificates: certificates)
    assert _problems(run, job) == []


def test_without_the_model_it_says_so(run, job):
    with RunStore.open(run) as store:
        outcome = verified(store, None, job.data)
    assert outcome.holds
    assert outcome.unchecked[0].startswith("The model was not asked")


@pytest.mark.parametrize("column", columns(Certificate))
def test_an_altered_column_is_noticed(run, job, column):
    value = {
        "body": "'{}'",
        "constraint": "'threshold'",
        "method": "'sweep'",
        "parameters": "'x'",
        "reason": "'x'",
        "sample": "7",
    }
    with RunStore.open(run, write=True) as store:
        store._db.execute(f'UPDATE certificates SET "{column}" = {value.get(column, f"{column} + 1")} WHERE id = 1')
    assert any(ALTERED in each or "no clean image" in each for each in _problems(run, job))


def _leaves(job: AssessJob, run: RunStore, certificate: Certificate) -> tuple[list[Any], UInt8Array]:
    image = run.clean(certificate.sample)
    return prove(module_of(job), image), image


def test_a_missing_box(run, job):
    def forged(store: RunStore, certificate: Certificate) -> Certificate:
        leaves, _ = _leaves(job, store, certificate)
        return replace(certificate, body=body_of(leaves[1:], certificate.body["label"], certificate.body["allowance"]))

    _forge(run, _first_proved(forged))
    (problem,) = _problems(run, job)
    assert problem.endswith("does not hold: its boxes leave out colours at row 3, column 3.")
    assert problem.startswith("The certificate of sample ")


def test_a_box_too_large(run, job):
    def forged(store: RunStore, certificate: Certificate) -> Certificate:
        whole = [(k, (0, 0, 0), (255, 255, 255)) for k in range(16)]
        assert len(_leaves(job, store, certificate)[0]) > 16
        return replace(certificate, body=body_of(whole, certificate.body["label"], certificate.body["allowance"]))

    _forge(run, _first_proved(forged))
    (problem,) = _problems(run, job)
    assert "[0, 0, 0] to [255, 255, 255]" in problem


def test_leaves_cut_finer_hold(run, job):
    def finer(store: RunStore, certificate: Certificate) -> Certificate:
        leaves, _ = _leaves(job, store, certificate)
        cut = [each for leaf in leaves for each in halves(leaf)]
        return replace(certificate, body=body_of(cut, certificate.body["label"], certificate.body["allowance"]))

    _forge(run, _first_proved(finer))
    assert _problems(run, job) == []


def test_a_lower_allowance(run, job):
    _forge(run, _first_proved(lambda _, c: replace(c, body={**c.body, "allowance": c.body["allowance"] / 2})))
    (problem,) = _problems(run, job)
    assert "for float32" in problem


def test_another_label(run, job):
    _forge(run, _first_proved(lambda _, c: replace(c, body={**c.body, "label": (c.body["label"] + 1) % 3})))
    (problem,) = _problems(run, job)
    assert "it is about the class" in problem


def test_proved_flipped_to_open(run, job):
    _forge(run, _first_proved(lambda _, c: replace(c, proved=False)))
    (problem,) = _problems(run, job)
    assert "says both" in problem


def test_open_flipped_to_proved(job_of, folder):
    job = job_of(certify_seconds=1e-9)
    with run_job(job, folder) as run:
        assert not any(each.proved for each in run.certificates())
    _forge(folder, lambda _, certificates: [replace(each, proved=True) for each in certificates])
    assert _problems(folder, job)
    assert all("says both" in each for each in _problems(folder, job))
    _forge(folder, lambda _, all_: [replace(each, reason="", body={"label": 0, "format": 1}) for each in all_])
    assert any("does not hold" in each for each in _problems(folder, job))


def test_the_certificate_of_another_image(run, job):
    def swapped(store: RunStore, certificates: list[Certificate]) -> list[Certificate]:
        labels = dict(zip(store.manifest.selection.samples, store.manifest.selection.labels, strict=True))
        broken = {r.sample for r in store.records() if r.success}
        proved = [each for each in certificates if each.proved]
        other, certificate = next((s, c) for s in broken for c in proved if labels[s] == labels[c.sample])
        return [*certificates, replace(certificate, sample=other)]

    _forge(run, swapped)
    problems = _problems(run, job)
    assert any("does not hold" in each for each in problems)
    assert any("answered otherwise, yet sample" in each for each in problems)


def test_another_network_and_one_weight_changed(run, job):
    other = classifier_of(convolutional((4, 4, 3), seed=7))
    assert any("fingerprint differs" in each for each in _problems(run, job, other))
    module = copy.deepcopy(module_of(job))
    with torch.no_grad():
        module[4].bias[0] += 1e-6
    assert any("fingerprint differs" in each for each in _problems(run, job, classifier_of(module)))


def test_a_network_of_the_run_that_is_not_the_one_proved(run, job):
    """One weight changed, and its fingerprint put into the run as well."""
    module = copy.deepcopy(module_of(job))
    with RunStore.open(run) as store:
        proved = next(each for each in store.certificates() if each.proved)
        image, label = store.clean(proved.sample), proved.body["label"]
    while answer(module, image) == label:
        changed = copy.deepcopy(module)
        with torch.no_grad():
            module[4].bias[label] -= 0.01
    other = classifier_of(changed)
    with RunStore.open(run, write=True) as store:
        _seal(store, model={**store._manifest_values()["model"], "fingerprint": other.fingerprint})
    assert any(f"sample {proved.sample}," in each and "does not hold" in each for each in _problems(run, job, other))


def test_a_record_that_breaks_what_is_proved(run, job):
    """A success planted beside a proof: the model does not confirm it, and the two contradict each other."""
    with RunStore.open(run, write=True) as store:
        proved = next(each for each in store.certificates() if each.proved)
        record = next(each for each in store.records() if each.sample == proved.sample)
        clean = store.clean(proved.sample)
        image = clean.copy()
        image[0, 0] = 255 - image[0, 0]
        forged = replace(
            record,
            method="bounds",
            success=True,
            predicted=(record.label + 1) % 3,
            **pixel_distances(image, clean),  # type: ignore[arg-type]
        )
        store.commit([(forged, image)])
        _seal(store)
    problems = _problems(run, job)
    assert any("says that no image within it is answered otherwise, yet sample" in each for each in problems)
    assert any("The model does not answer" in each for each in problems)


@pytest.mark.parametrize("table", ["certificates", "steps", "records"])
def test_what_was_taken_away(run, job, table):
    with RunStore.open(run, write=True) as store:
        if table == "records":
            proof = next(each for each in store.records() if each.by_proof)
            (key,) = store._db.execute("SELECT id FROM records WHERE method = ?", (proof.method,)).fetchone()
            store._db.execute("DELETE FROM images WHERE record = ?", (key,))
            store._db.execute("DELETE FROM records WHERE id = ?", (key,))
        else:
            store._db.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
        _seal(store)
    problems = _problems(run, job)
    assert problems == [] if table == "steps" else any("has no certificate" in each for each in problems)


def test_what_was_not_asked_for(run, job):
    with RunStore.open(run, write=True) as store:
        values = store._manifest_values()
        _seal(store, details={**values["details"], "certify": []})
    problems = _problems(run, job)
    assert any("was not asked for" in each for each in problems)
    assert any("has a record but was not asked for" in each for each in problems)


def test_an_unfinished_run_holds_as_far_as_it_goes(run, job):
    with RunStore.open(run, write=True) as store:
        store._db.execute("DELETE FROM certificates WHERE rowid = (SELECT max(rowid) FROM certificates)")
        _seal(store, status="running", contents=None)
    assert _problems(run, job) == []


def test_a_digest_is_over_the_clean_image_too(run, job):
    with RunStore.open(run) as store:
        certificate = store.certificates()[0]
        (digest,) = store._db.execute("SELECT digest FROM certificates ORDER BY id").fetchone()
        assert digest == row_digest(to_row(certificate), (store.clean(certificate.sample), None))


def test_the_written_allowance_is_the_checkers(run, job):
    with RunStore.open(run) as store:
        for each in store.certificates():
            if each.proved:
                needed = allowance(Network(module_of(job), store.clean(each.sample)), each.body["label"])
                assert each.body["allowance"] == pytest.approx(needed, rel=0.02)


def test_records_of_searches_are_told_from_those_of_proofs(run):
    with RunStore.open(run) as store:
        assert {each.by_proof for each in store.records()} == {False, True}
        assert all(isinstance(each, Record) for each in store.records())
