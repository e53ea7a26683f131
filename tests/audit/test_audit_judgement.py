"""What the answers of an audit come to."""

from __future__ import annotations

import pytest

from audit_run import ANSWERS, answered, write_audit_run
from pixelproof.report.audit import audit_html
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.judgement import Judgement, judgement
from pixelproof.results.audit.view import audit_view
from pixelproof.results.intervals import Rate

SUPPORTING = Rate(62, 100)


def judged(
    *verdicts: str, planned: int | None = None, surviving: Rate | None = SUPPORTING, total: int | None = None
) -> Judgement:
    """Of a claim of 60 %, which ``surviving`` supports unless it is told; all that are planned are all there are."""
    answers, asked = [answered(number, verdict) for number, verdict in enumerate(verdicts, 1)], planned or len(verdicts)
    return judgement(answers, range(1, asked + 1), 60.0, surviving, total or asked)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("pass", "fail", "warn"), "fail"),
        (("pass", "warn", "skipped"), "warn"),
        (("warn",), "warn"),
        (("pass", "person", "skipped"), "pass"),
        (("person", "skipped"), "open"),
        ((), "open"),
    ],
)
def test_the_gravest_decides_and_what_was_not_judged_supports_nothing(verdicts: tuple[str, ...], expected: str):
    assert judged(*verdicts).verdict == expected


def test_unfinished_it_does_not_pass_but_can_fail_already():
    assert judged("pass", "warn", planned=3).verdict == "open"
    found = judged("fail", planned=3)
    assert found.verdict == "fail"
    assert found.sentences[-1] == "The audit is not finished: 2 checkpoints are still to be asked."


def test_what_was_never_to_be_asked_is_no_support():
    found = judged("pass", "pass", total=20)
    assert (found.verdict, found.title) == ("open", "Undecided: the claim is neither refuted nor supported")
    assert found.sentences[-1] == "Of 20 checkpoints 18 were not asked."
    assert judged("pass", "fail", total=20).verdict == "fail"


@pytest.mark.parametrize(
    ("surviving", "verdict", "why"),
    [
        (None, "open", "No attack was made"),
        (Rate(20, 60), "open", "The claim lies above all that 60 samples allow."),  # not the checkpoints' failure yet
        (Rate(31, 60), "open", "8.3 points above what was measured, which 60 samples cannot tell from chance"),
        (Rate(6, 10), "open", "only an inflation of 27 points or more would have been found"),
        (Rate(36, 60), "pass", ""),
        (Rate(59, 60), "pass", ""),
    ],
)
def test_a_claim_above_what_was_measured_is_undecided_and_so_is_one_by_too_few_samples(
    surviving: Rate | None, verdict: str, why: str
):
    found = judged("pass", "pass", surviving=surviving)
    assert found.verdict == verdict
    assert why in " ".join(found.sentences)


def test_undecided_says_how_many_samples_it_takes():
    found = judged("pass", surviving=Rate(31, 60))
    assert "to decide it, take at least 225 samples" in found.sentences[1 + 1]


def test_the_first_sentences_name_the_checkpoints_and_both_figures():
    found = judged("fail", "pass", "fail", surviving=Rate(12, 100))
    assert found.title == "Objections: the claim does not stand"
    assert found.sentences == (
        "Checkpoints 1 (name 1) and 3 (name 3) speak against it.",
        "60 % are claimed to be right under attack; 12/100 = 12.0 % [7.0, 19.8] survived every attack made here.",
        "The claim lies above all that 100 samples allow.",
    )
    assert found.counts == {"fail": 2, "pass": 1}


def test_questions_and_what_was_skipped_are_told_never_counted_as_passed():
    answers = [answered(1, "pass", ("Who?", "Why?")), answered(2, "skipped"), answered(3, "person", ("When?",))]
    found = judgement(answers, (1, 2, 3), 60.0, SUPPORTING, 3)
    assert found.sentences[0].startswith("Checkpoint 1 (name 1) passes. That is no proof")
    assert found.sentences[2] == (
        "1 checkpoint could not be measured here and 3 questions wait for a person: none of this counts as passed."
    )
    assert found.counts["pass"] == 1


def test_nothing_judged_is_said_to_say_nothing():
    assert judged("skipped").sentences[0] == "No checkpoint speaks against it so far, and that says nothing yet."


def test_what_survived_is_that_of_the_last_sitting():
    run = write_audit_run(None)
    assert audit_view(run).surviving == Rate(6, 40)
    run.add_details({"surviving": {"successes": 5, "total": 40}})
    assert audit_view(run).surviving == Rate(5, 40)


def test_answers_are_read_as_they_were_given():
    view = audit_view(write_audit_run(None))
    for told, (number, name, answer) in zip(view.answers, ANSWERS, strict=True):
        assert (told.number, told.name) == (number, name)
        assert {key: getattr(told, key) for key in vars(answer)} == vars(answer)
        assert isinstance(told, Answer)


def test_a_view_says_what_it_is():
    view = audit_view(write_audit_run(None, planned=(20,)))
    assert view.verdict == "fail"
    assert not view.finished
    assert repr(view).splitlines()[0] == "Audit of zoo:<lenet>: Objections: the claim does not stand"
    assert "  6 iterations: fail. At 400 iterations" in repr(view)
    assert "zoo:&lt;lenet&gt;: Objections: the claim does not stand" in audit_html(view)
