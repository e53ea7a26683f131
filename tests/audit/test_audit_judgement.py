"""What the answers of an audit come to."""

from __future__ import annotations

import pytest

from audit_run import ANSWERS, answered, write_audit_run
from pixelproof.report.audit import audit_html
from pixelproof.results.audit.checkpoint import Answer
from pixelproof.results.audit.judgement import Judgement, judgement
from pixelproof.results.audit.view import audit_view
from pixelproof.results.intervals import Rate


def judged(*verdicts: str, planned: int | None = None, surviving: Rate | None = None) -> Judgement:
    answers = [answered(number, verdict) for number, verdict in enumerate(verdicts, 1)]
    return judgement(answers, range(1, (planned or len(verdicts)) + 1), 60.0, surviving)


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


def test_the_first_sentences_name_the_checkpoints_and_both_figures():
    found = judged("fail", "pass", "fail", surviving=Rate(12, 100))
    assert found.title == "The claim does not stand"
    assert found.sentences == (
        "Checkpoints 1 (name 1) and 3 (name 3) speak against it.",
        "60 % are claimed to be right under attack; 12/100 = 12.0 % [7.0, 19.8] survived every attack made here.",
    )
    assert found.counts == {"fail": 2, "pass": 1}


def test_questions_and_what_was_skipped_are_told_never_counted_as_passed():
    answers = [answered(1, "pass", ("Who?", "Why?")), answered(2, "skipped"), answered(3, "person", ("When?",))]
    found = judgement(answers, (1, 2, 3), 60.0, None)
    assert found.sentences[0].startswith("Checkpoint 1 (name 1) passes. That is no proof")
    assert found.sentences[1] == (
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
    assert repr(view).splitlines()[0] == "Audit of zoo:<lenet>: The claim does not stand"
    assert "  6 iterations: fail. At 400 iterations" in repr(view)
    assert "zoo:&lt;lenet&gt;: The claim does not stand" in audit_html(view)
