"""The page of an audit, written from a run of invented answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from audit_kit import claim
from audit_run import ANSWERS, BARS, CURVE, SURFACE, value, write_audit_run
from html_page import Page, outside
from pixelproof.jobs.audit.checkpoint import Checkpoint
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.report import section
from pixelproof.report.audit import SIGNS, write_audit
from pixelproof.report.audit_figures import figures_of
from pixelproof.report.audit_tables import claim_sentences
from pixelproof.report.figure import Figure
from pixelproof.results.audit.checkpoint import Answer, Plot, read_result
from pixelproof.results.audit.view import AuditView, audit_view, read_audit, rows
from pixelproof.results.scoreboard import write_scoreboard
from pixelproof.wording import minus
from words import beyond

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditView]:
    folder = tmp_path_factory.mktemp("audited")
    write_audit_run(folder).close()
    view = read_audit(folder)
    write_audit(view, folder)
    return folder, view


@pytest.fixture(scope="module")
def text(written: tuple[Path, AuditView]) -> str:
    return (written[0] / "report.html").read_text("utf-8")


def figure(plot: Plot) -> Figure:
    (found,) = figures_of(read_result(value(7, "restarts", Answer("pass", "", plots=(plot,)))))
    return found


def test_the_verdict_stands_first(text: str):
    said = Page(text[text.index("<main") : text.index("</main>")] + "</main>").text
    places = [
        said.index(part)
        for part in (
            "Objections: the claim does not stand",
            "Checkpoint 6 (iterations) speaks against it.",
            "still to be so under attack",
            "The checkpoints at a glance",
            "6. What iterations should be",
            "Questions for a person",
            "What could not be measured",
            "What was noticed beforehand",
            "Attacks, settings and environment",
            "Sources",
        )
    ]
    assert places == sorted(places)


def test_every_checkpoint_has_its_block_and_is_linked(text: str):
    page = Page(text)
    links = {str(each["href"]) for each in page.all("a")}
    places = {str(each["id"]) for each in page.all("h3", "li") if "id" in each}
    linked = {link for link in links if re.match("#(checkpoint|ask)-", link)}
    assert {f"#checkpoint-{number}" for number, _, _ in ANSWERS} | {"#ask-1", "#ask-6"} == linked
    assert {link[1:] for link in linked} <= places
    for _, _, answer in ANSWERS:
        assert answer.finding.replace(" %", "\u00a0%") in page.text
        assert answer.remedy in page.text


def test_it_says_no_more_than_was_measured(text: str):
    assert beyond(Page(text).text) == []


def test_verdicts_have_words_and_signs_beside_their_colour(text: str):
    for sign in SIGNS.values():
        assert f'<span aria-hidden="true">{sign.mark}</span> {sign.word}' in text
    assert len({sign.mark for sign in SIGNS.values()}) == len(SIGNS)


def test_it_is_whole_accessible_and_alone(text: str):
    page = Page(text)
    assert outside(text) == []
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    drawings = [each for each in page.all("svg") if each.get("role") == "img"]
    assert len(drawings) == 1 + 3  # one of them in the headline too
    assert all(each["aria-label"] for each in drawings)
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len(set(ids)) == len(ids)


def test_what_people_wrote_is_escaped(text: str):
    assert "zoo:&lt;lenet&gt;" in text
    assert "A paper &lt;2026&gt;" in text
    assert "<b>ship" not in text


def test_each_question_has_room_for_its_answer(text: str, written: tuple[Path, AuditView]):
    page = Page(text)
    assert len([each for each in page.all("div") if each.get("class") == "ruled"]) == len(written[1].questions) == 3


def test_tables_and_figures_lie_beside_it(written: tuple[Path, AuditView]):
    folder, _ = written
    tables = {path.name for path in (folder / "tables").iterdir()}
    for name in ("checkpoints", "numbers", "attacks", "claim", "questions"):
        assert {f"audit-{name}.csv", f"audit-{name}.md"} <= tables
    rows = (folder / "tables" / "audit-attacks.csv").read_text("utf-8").splitlines()
    assert rows[1].startswith('"pgd(norm=linf,epsilon=1)",laid open,gradients,6,40,0.15,')
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "audit-06-iterations.svg",
        "audit-10-classes.svg",
        "audit-10-surface.svg",
    ]


def test_an_objection_names_who_first_broke_such_a_defence(tmp_path: Path):
    told = Answer("fail", "It lets no gradient through.", work="athalye")
    answers = ((6, "iterations", told), (10, "gradients", replace(told, verdict="warn")))
    page = Page(write_audit(audit_view(write_audit_run(None, answers)), tmp_path).read_text("utf-8"))
    assert page.text.count("First shown in: A. Athalye, N. Carlini and D. Wagner") == 1


@pytest.mark.parametrize("checkpoint", [each for each in CHECKPOINTS if each.work], ids=lambda each: each.name)
def test_every_work_that_a_checkpoint_names_is_there_with_its_address(checkpoint: Checkpoint):
    assert 'href="https://' in str(section.words("audit_broken", checkpoint.work))


def test_an_unfinished_audit_and_an_empty_one_have_a_page(tmp_path: Path):
    write_audit(audit_view(write_audit_run(None, planned=(20,))), tmp_path)
    assert "not finished" in Page((tmp_path / "report.html").read_text("utf-8")).text
    write_audit(audit_view(write_audit_run(None, answers=(), planned=(4,))), tmp_path)
    told = Page((tmp_path / "report.html").read_text("utf-8")).text
    assert "Undecided: the claim is neither refuted nor supported" in told


@pytest.mark.parametrize("plot", [CURVE, BARS, SURFACE])
def test_figures_are_the_same_for_the_same_values(plot: Plot):
    assert figure(plot).svg() == figure(plot).svg()


def test_lines_show_bands_rule_and_mark():
    svg = figure(CURVE).svg()
    for part in ("claimed", "published", "as it is", "laid open", "Iterations", "Right (%)"):
        assert part in svg
    assert svg.count("mark-area") == 2
    assert "mark-area" not in figure(replace(CURVE, rows=({"x": 1, "y": 50, "line": ""},))).svg()
    assert figure(CURVE).alt.startswith("Lines of Right (%) against Iterations. as it is: at 25 80.0, at 50 71.0")
    assert figure(CURVE).alt.endswith("dashed: claimed at 62.5, published at 100.")


def test_a_logarithmic_axis_takes_zero():
    rows = tuple({"x": x, "y": 50 - x, "line": ""} for x in (0, 1, 10))
    points = re.findall(r'aria-label="Iterations: (\d+); Right', figure(replace(CURVE, rows=rows)).svg())
    assert list(dict.fromkeys(points)) == ["0", "1", "10"]  # of the line and of its points


@pytest.mark.parametrize(
    ("places", "said"), [((0.25, 1, 10), ["0.25", "1", "10"]), ((1, 100, 20_000), ["1", "100", "20k"])]
)
def test_places_are_named_as_people_write_them(places: tuple[float, ...], said: list[str]):
    rows = tuple({"x": x, "y": 50, "line": ""} for x in places)
    svg = figure(replace(CURVE, rows=rows, rule=None, mark=None)).svg()
    assert all(f">{text}<" in svg for text in said)


def test_lines_of_many_points_differ_by_their_dashes():
    rows = tuple({"x": x, "y": x + k, "line": f"line {k}"} for k in range(2) for x in range(1, 50))
    many, few = figure(replace(CURVE, rows=rows)).svg(), figure(CURVE).svg()
    assert 'stroke-dasharray="2,2"' in many
    assert 'stroke-dasharray="2,2"' not in few


def test_bars_stand_in_the_order_given():
    svg = figure(BARS).svg()
    places = [svg.index(f">{name}<") for name in ("airplane", "cat", "&lt;b&gt;ship&lt;/b&gt;")]
    assert places == sorted(places)
    assert "under attack" in svg
    assert figure(BARS).alt.startswith("Bars of Right (%): airplane clean 88.0, airplane under attack 30.0")


def test_long_names_stand_whole_above_their_bars():
    name = "apgd(norm=linf,epsilon=1,loss=ce,iterations=100)"
    svg = figure(replace(BARS, rows=({"name": name, "y": 40}, {"name": "pgd", "y": 60}))).svg()
    assert re.search(f">{re.escape(name)}<", svg)
    assert len(re.findall('aria-roledescription="bar"', svg)) == 2


def test_a_map_has_a_cell_for_every_value():
    svg = figure(SURFACE).svg()
    assert svg.count('aria-roledescription="rect mark"') + svg.count('aria-roledescription="bar"') >= 169
    heights = [row["z"] for row in SURFACE.rows]
    assert figure(SURFACE).alt.endswith(f"direction, from {minus(min(heights), '.2f')} to {max(heights):.2f}.")


def test_values_that_are_none_or_infinite_are_left_out():
    rows = ({"x": 1, "y": None, "line": ""}, {"x": 2, "y": float("nan"), "line": ""}, {"x": 3, "y": 4, "line": ""})
    assert "at 3 4.00." in figure(replace(CURVE, rows=rows, rule=None, mark=None)).alt
    assert not figures_of(read_result(value(7, "x", Answer("pass", "", plots=(replace(CURVE, rows=rows[:2]),)))))


def test_the_claim_in_words():
    told = claim(
        clean_accuracy=91.5,
        threat={"norm": "l0", "epsilon": 1, "knowledge": "black-box", "goal": "targeted", "queries": 1000},
        evaluation={"norm": "linf", "epsilon": 8, "iterations": 1, "restarts": 5, "adaptive": False, "draws": 30},
        comparisons=({"name": "Theirs", "robust_accuracy": 20, "threat": {**claim().threat.model_dump()}},),
    )
    assert claim_sentences(told) == [
        "Of all samples, 91.5 % are said to be classified correctly, and 25 % still to be so under attack.",
        "The attacker is a black-box one, who sees the model’s answers alone, wants one certain wrong answer "
        "(targeted), may change 1 pixel (L0), and has 1,000 queries.",
        "It was evaluated with autoattack: L∞, ε = 8 grey levels; untargeted; 1 iteration; 5 restarts; "
        "30 draws a step; not adapted to a defence; 1,000 samples.",
        "It is set beside Theirs, 20 % under attack (L∞, ε = 1 grey level, white-box, untargeted).",
    ]


def test_the_scoreboard_judges_only_what_was_judged(tmp_path: Path):
    view = audit_view(write_audit_run(None))
    path = write_scoreboard(tmp_path, rows(view), view.manifest.environment, "pixelproof audit …")
    board = json.loads(path.read_text("utf-8"))["rows"]
    first = {"claim": "right under every attack", "value": 15.0, "unit": "% right", "target": 62.5, "holds": None}
    assert board[0] == {**first, "total": 40, "command": "pixelproof audit …"}
    assert [row["holds"] for row in board[1:]] == [None, True, None, False, None]
    assert all(row.keys() >= {"claim", "value", "unit", "target", "holds", "command"} for row in board)
