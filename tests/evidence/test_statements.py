"""What a pack says: every statement follows from records, and nothing else is said but standing words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path

import pytest

from html_page import Page
from pixelproof.report.evidence import NOTES, PAGE, documents
from pixelproof.report.evidence_statements import STEPS, Runs, statements
from pixelproof.runs import RunStore
from pixelproof.runs.pack import RUNS, STATEMENTS
from tiny_run import run_tiny
from words import beyond

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(pack: Path) -> Iterator[Runs]:
    """The runs in the pack, and nothing beside it."""
    with ExitStack() as stack:
        yield {
            folder.name: stack.enter_context(RunStore.open(folder))
            for folder in sorted((pack / RUNS).iterdir(), key=lambda folder: folder.name != "run")
        }


@pytest.fixture(scope="module")
def told(pack: Path) -> list[dict[str, object]]:
    return json.loads((pack / STATEMENTS).read_text("utf-8"))["statements"]


def test_every_statement_is_made_again_from_the_runs_in_the_pack(runs, told):
    again = statements(runs)
    assert [each.text for each in again] == [each["text"] for each in told]


def test_every_statement_names_records_that_are_there(runs, told):
    for each in told:
        assert each["traces"], each["text"]
        for trace in each["traces"]:
            assert trace["manifest"] or trace["records"], each["text"]
            assert set(trace["records"]) <= runs[trace["run"]].digests()


def test_the_counts_of_levels_are_those_of_the_records_named(runs, told):
    """Of each level the broken images are counted again, from the records of the trace alone."""
    seen = 0
    for each in told:
        found = re.search(r"broken: (\d+) of (\d+) images by", each["text"])
        if each["step"] == "found" and found:
            (trace,) = each["traces"]
            run = runs[trace["run"]]
            named = [record for record in run.records() if run.digest(record) in trace["records"]]
            assert len({record.sample for record in named if record.success}) == int(found[1])
            assert len(run.manifest.selection.samples) == int(found[2])
            seen += 1
    assert seen >= 4


def test_runs_that_differ_in_the_seed_alone_are_called_repeats(told):
    assert any("one measurement with the seeds 0 and 1" in each["text"] for each in told)


class _Items(HTMLParser):
    """The texts of list items and paragraphs in the sections of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open = False

    def handle_starttag(self, tag, attrs):
        self._open = tag in ("li", "p")
        if self._open:
            self.found.append("")

    def handle_endtag(self, tag):
        self._open = self._open and tag not in ("li", "p")

    def handle_data(self, data):
        if self._open:
            self.found[-1] += data


def test_the_page_says_statements_and_standing_words_alone(pack, told):
    html = (pack / PAGE).read_text("utf-8")
    known = {f"[{each['number']}] {each['text']}" for each in told} | set(NOTES)
    known |= {about for _, about in STEPS.values()}
    sections = dict(re.findall(r'<section aria-labelledby="([\w-]+)">(.*?)</section>', html, re.DOTALL))
    for step in STEPS.keys() & sections.keys():
        items = _Items()
        items.feed(sections[step])
        for text in items.found:
            plain = re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip()
            assert plain in known, plain
    assert {"threat", "benign", "found", "certified"} <= sections.keys()


def test_managers_are_answered_in_three_sentences_and_one_picture_first(pack, told):
    html = (pack / PAGE).read_text("utf-8")
    headline = re.search(r'<section class="headline".*?</section>', html, re.DOTALL)[0]
    assert [each["step"] for each in told[:4]].count("managers") == 3
    assert headline.count("<svg") == 1
    assert "An answer for managers" in headline
    assert all(f"[{k}]" in headline for k in (1, 2, 3))


def test_nothing_is_certified(pack, runs):
    text = re.sub(r"\s+", " ", Page((pack / PAGE).read_text("utf-8")).text)
    assert beyond(text) == []
    assert not re.search(r"\b(compl(y|ies|iant)|conforms?|certifies|certified by|in accordance)\b", text)
    assert "It is no certification" in text
    assert not re.search(r"\b(clause|subclause|paragraph|§) ?\d", text)  # none that might be invented
    assert len(documents(runs)) == 6


def test_the_bill_of_materials_is_valid_cyclonedx(pack):
    pytest.importorskip("cyclonedx")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (pack / "sbom.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    value = json.loads(text)
    names = {each["name"] for each in value["components"]}
    assert {"torch", "numpy", "zoo:lenet"} <= names
    assert value["metadata"]["component"]["name"] == "pixelproof"


def test_the_environment_has_versions_and_digests(pack):
    packages = json.loads((pack / "environment.json").read_text("utf-8"))["packages"]
    assert re.fullmatch("[0-9a-f]{64}", packages["numpy"]["record_sha256"])
    assert all(each["version"] for each in packages.values())


def test_an_answer_of_one_model_names_the_others(finished, tmp_path):
    """Whoever reads the answer alone must not take it for that of all models in the pack."""
    other = tmp_path / "other"
    run_tiny(other, model="zoo:strided-cnn").close()
    with RunStore.open(finished) as first, RunStore.open(other) as second:
        said = [each.text for each in statements({"first": first, "second": second}) if each.step == "managers"]
    assert said[0].startswith("zoo:lenet sorts")
    assert said[2].endswith("this answer is of zoo:lenet alone, and the sections below speak of zoo:strided-cnn too.")
