"""The files of the kit of broken defences: every model loads, every claim parses, every oracle says whom it follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tools.audit_matrix import (
    HELD_OUT,
    HELD_OUT_RESULTS,
    KIT,
    RESULTS,
    Audited,
    Entry,
    entries,
    opened,
    row_of,
    summary,
)
from tools.audit_oracles import MATERIAL, context, left_by, mirrored

from audit_kit import bundled

ENTRIES = {entry.name: entry for entry in entries()}
FLAWS = [name for name, entry in ENTRIES.items() if entry.flaw != "none"]
RECORDED = {row["name"]: row for row in json.loads((KIT / "oracles.json").read_text("utf-8"))["rows"]}
#: Stand before a network alone, so that they are quick before LeNet.
QUICK = ("numpy_rounding", "dct_dictionary", "half_softmax")


@pytest.mark.parametrize("name", ENTRIES)
def test_a_model_loads_and_answers_ten_classes_to_some_images(name: str):
    entry = ENTRIES[name]
    images = torch.from_numpy(bundled().images[:4].copy()).permute(0, 3, 1, 2).float() / 255
    assert entry.load().scores(images).shape == (4, 10)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_claim_parses_and_says_that_it_is_of_the_kit(name: str):
    claim = ENTRIES[name].claim
    assert claim.source == "examples/broken_defences"
    assert claim.evaluation.samples


@pytest.mark.parametrize("name", ENTRIES)
def test_an_oracle_says_whom_it_follows(name: str):
    entry = ENTRIES[name]
    if entry.alarms:  # no attack is needed to see them
        return
    attacks = entry.oracle()
    images = torch.from_numpy(bundled().images[:2].copy()).permute(0, 3, 1, 2).float().div(255).requires_grad_()
    for knowing in attacks:
        knowing.model(images).float().square().sum().backward()
    assert attacks
    assert images.grad is not None
    assert bool(images.grad.any())


def test_every_flaw_has_a_kind_and_a_checkpoint_or_a_word_that_names_it():
    assert len(FLAWS) == len(set(FLAWS)) >= 30
    assert len(ENTRIES) - len(FLAWS) >= 9
    nameless = [n for n in FLAWS if not (ENTRIES[n].checkpoint or ENTRIES[n].checkpoints or ENTRIES[n].words)]
    assert (nameless, [n for n in ENTRIES if not ENTRIES[n].family]) == ([], [])


def test_what_oracles_were_measured_to_leave_lies_below_flawed_claims_and_not_below_honest_ones():
    assert RECORDED.keys() == ENTRIES.keys()
    for name, row in RECORDED.items():
        entry = ENTRIES[name]
        claimed = entry.claim.clean_accuracy if entry.alarms else entry.claim.robust_accuracy
        assert row["target"] == claimed, (
            f"{name}: the claim has changed since; run python -m tools.audit_oracles {name}"
        )
        if entry.flaw == "none":
            assert row["value"] >= claimed - MATERIAL, name
        elif not entry.reading:
            assert row["value"] <= claimed - MATERIAL, name


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_an_oracle_leaves_on_a_few_samples_much_less_than_is_claimed(name: str):
    entry = ENTRIES[name]
    left = left_by(context(entry, bundled(), 12), entry.oracle())
    assert 100 * (left.value or 0) <= entry.claim.robust_accuracy - MATERIAL


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in FLAWS if not ENTRIES[name].alarms and not ENTRIES[name].reading])
def test_every_oracle_leaves_less_than_is_claimed(name: str):
    entry = ENTRIES[name]
    left = left_by(context(entry, bundled(), 12), entry.oracle())
    assert 100 * (left.value or 0) <= entry.claim.robust_accuracy - MATERIAL


def test_a_table_of_test_images_is_no_help_with_their_mirror_images():
    entry, data = ENTRIES["lookup_nearest"], bundled().take(np.arange(60))
    model = entry.load()
    images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data.labels.copy())
    shown = torch.from_numpy(mirrored(data).images.copy()).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(shown, images.flip(3))
    assert bool((model.scores(images).argmax(1) == labels).all())
    assert not bool((model.scores(shown).argmax(1) == labels).all())


def test_a_kit_in_another_folder_is_loaded_with_its_own_neighbours(tmp_path: Path):
    for name, shift in (("one", 0), ("two", 1)):
        kit = tmp_path / name
        kit.mkdir()
        (kit / "kit.toml").write_text(
            '[[flaws]]\nname = "a"\nflaw = "b"\nmodel = "zoo:lenet"\n[[honest]]\nname = "c"\nmodel = "zoo:lenet"\n'
        )
        (kit / "neighbour.py").write_text(f"SHIFT = {shift}\n")
        (kit / "oracles.py").write_text("from neighbour import SHIFT\n\ndef a():\n    return [SHIFT]\n")
    found = [entries(tmp_path / name)[0].oracle() for name in ("one", "two")]
    assert found == [[0], [1]]


def test_a_kit_that_was_set_aside_is_unpacked_and_its_rows_lie_beside_the_others(tmp_path: Path):
    folder, rows = opened(HELD_OUT, tmp_path)
    assert (folder / "kit.toml").is_file()
    assert folder.is_relative_to(tmp_path)
    assert (rows, opened(KIT, tmp_path)) == (HELD_OUT_RESULTS, (KIT, RESULTS))
    assert opened(tmp_path, tmp_path) == (tmp_path, tmp_path / "audit-kit.json")


def test_a_flaw_is_named_by_its_checkpoints_or_by_words_of_any_failing_one():
    entry = Entry("x", "zoo:lenet", flaw="y", checkpoints=(12,), words=("memor",))
    assert entry.named_by({12: "anything"})
    assert entry.named_by({3: "It remembers; Memory."})
    assert not entry.named_by({3: "Less is left than claimed."})
    assert not entry.named_by({})


def test_the_summary_counts_objections_names_crashes_and_gaps():
    flaw = Entry("x", "zoo:lenet", flaw="y", checkpoints=(12,))
    rows = [
        row_of(flaw, Audited({3: "fail", 12: "pass"}, {3: "Less.", 12: ""}, left=40.0), 20.0),
        row_of(replace(flaw, name="z"), Audited(error="RuntimeError: no", crashed=True), None),
        row_of(Entry("h", "zoo:lenet"), Audited({3: "pass"}, {3: ""}, left=40.0), 40.0),
    ]
    assert summary(rows).splitlines() == [
        "flaws objected to: 1 of 2, named: 0",
        "honest models objected to: 0 of 1",
        "crashes: 1",
        "more than 10 points above the best known attack: x",
    ]
