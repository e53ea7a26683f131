"""pixelproof audit on the command line: mistakes named, exit codes, taken up again, the same twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit_kit import SMALLEST, bundled, claim, lenet
from audit_run import write_audit_run
from html_page import Page
from pixelproof.cli.documents import command_line
from pixelproof.jobs.audit.checkpoints import CHECKPOINTS
from pixelproof.jobs.audit.job import AuditJob
from pixelproof.jobs.audit.spec import AuditSpec
from pixelproof.jobs.runner import run_job
from pixelproof.models.wrap import wrap_model
from pixelproof.report.audit import write_audit
from pixelproof.results.audit.view import AuditView, CheckpointRecord, EvidenceRecord, read_audit
from pixelproof.runs import RunStore
from tiny_run import CLAIM, Answer, Cli

pytestmark = pytest.mark.slow

SMALL = ("--range", "0:60", "--samples", "12", "--iterations", "10", "--only", "4")


def claim_file(folder: Path, robust: float = 25.0, text: str = CLAIM) -> Path:
    path = folder / "claim.toml"
    path.write_text(text.format(robust=robust), "utf-8")
    return path


@pytest.fixture
def ask(cli: Cli, tmp_path: Path):
    """Audits the bundled LeNet by the small effort, with the options given."""

    def run(*options: object, out: str = "audited", told: Path | None = None) -> Answer:
        told = told or claim_file(tmp_path)
        given = ("--model", "zoo:lenet", "--data", "bundled", "--claim", told, "--out", tmp_path / out)
        return cli("audit", *given, *(options or SMALL))

    return run


def found(folder: Path) -> list[CheckpointRecord]:
    with RunStore.open(folder) as run:
        return run.of(CheckpointRecord)


def evidence(folder: Path) -> list[EvidenceRecord]:
    with RunStore.open(folder) as run:
        return run.of(EvidenceRecord)


def tear(folder: Path, kept: int | None = None) -> None:
    """Leave of the audit in ``folder`` the first ``kept`` things measured and no answer; None: all but its end."""
    with RunStore.open(folder, write=True) as run:
        if kept is not None:
            run._db.execute("DELETE FROM checkpoints")
            run._db.execute("DELETE FROM steps")
            run._db.execute("DELETE FROM evidence WHERE id > ?", (kept,))
        run.reopen({"surviving": None})


def test_its_options_are_told(cli: Cli):
    answer = cli("audit", "--help")
    assert answer.code == 0
    for option in ("--claim", "--defence", "--preset", "--only", "--iterations", "--stored", "--trust-code"):
        assert option in answer.out


def test_it_tells_the_verdicts_and_writes_the_review(ask, tmp_path: Path):
    answer = ask()
    assert answer.code == 0
    assert "single-step" in answer.out
    assert "✓ passes" in answer.out
    assert "Undecided: the claim is neither refuted nor supported." in answer.out
    assert "report:" in answer.out
    folder = tmp_path / "audited"
    page = Page((folder / "report.html").read_text("utf-8"))
    assert "The robustness claim of zoo:lenet, reviewed" in page.text
    rows = json.loads((folder / "results.json").read_text("utf-8"))["rows"]
    assert [row["holds"] for row in rows] == [None, True]
    view = read_audit(folder)
    (attack, _), withstood = view.attacks, view.surviving
    assert withstood is not None
    assert withstood.total == len(attack.rows) == 12
    assert rows[0]["value"] == round(100 * withstood.successes / 12, 2) < 100 * (attack.right.value or 0) + 1
    assert rows[0]["command"] == (
        "pixelproof audit --model zoo:lenet --data bundled --claim claim.toml --samples 12 --iterations 10 --only 4 "
        "--range 0:60 --out audited"
    )


def test_json_is_the_verdicts_alone(ask, tmp_path: Path):
    answer = ask(*SMALL, "--json")
    assert answer.code == 0
    assert "Undecided: the claim is neither refuted nor supported." in answer.err
    folder = tmp_path / "audited"
    told = json.loads(answer.out)
    kept = json.loads((folder / "results.json").read_text("utf-8"))["rows"]
    assert [{**row, "command": kept[0]["command"]} for row in told["rows"]] == kept
    assert [row["value"] for row in told["rows"][1:]] == [each.verdict for each in found(folder)] == ["pass"]


def test_two_audits_give_the_same_answers(ask, tmp_path: Path):
    ask(out="one")
    ask(out="two")
    assert found(tmp_path / "one") == found(tmp_path / "two")


def test_torn_and_taken_up_it_gives_the_same_answers(ask, tmp_path: Path):
    ask()
    folder = tmp_path / "audited"
    answers, measured, withstood = found(folder), evidence(folder), read_audit(folder).surviving
    assert len(measured) > 2
    tear(folder, kept=2)
    assert (found(folder), evidence(folder)) == ([], measured[:2])
    assert ask().code == 0
    assert found(folder) == answers
    assert evidence(folder)[:2] == measured[:2]  # which were not measured again: their seconds are the same
    assert [each.key for each in evidence(folder)] == [each.key for each in measured]
    tear(folder)
    assert read_audit(folder).surviving is None
    assert ask().code == 0
    assert read_audit(folder).surviving == withstood is not None
    assert found(folder) == answers


def test_a_finished_audit_is_told_again_and_not_measured(ask, monkeypatch: pytest.MonkeyPatch):
    ask()
    monkeypatch.setattr(RunStore, "commit", lambda *_: pytest.fail("measured again"))
    assert "Undecided: the claim is neither refuted nor supported." in ask().out


def test_interrupted_it_says_how_to_continue(ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(AuditJob, "work", interrupt)
    answer = ask()
    assert answer.code == 130
    how = f"pixelproof resume {tmp_path / 'audited'}"
    assert answer.err == f"Interrupted; nothing finished is lost. Continue with: {how}\n"


def test_another_audit_is_not_written_over(ask, tmp_path: Path):
    ask()
    answer = ask("--range", "0:60", "--samples", "13", "--only", "4")
    assert answer.code == 2
    assert "holds another run" in answer.err
    assert ask(told=claim_file(tmp_path, robust=26)).code == 2


def test_no_claim(ask, tmp_path: Path):
    answer = ask(told=tmp_path / "none.toml")
    assert answer.code == 2
    assert "There is no claim" in answer.err
    assert not (tmp_path / "audited").exists()


def test_an_incomplete_claim_names_what_is_missing(ask, tmp_path: Path):
    answer = ask(told=claim_file(tmp_path, text='clean_accuracy = 76\n[threat]\ngoal = "untargeted"\n'))
    assert answer.code == 2
    for key in ("robust_accuracy", "knowledge", "norm", "epsilon", "evaluation"):
        assert key in answer.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "99"), "there is no checkpoint 99"),
        (("--only", "four"), "a whole number was expected"),
        (("--preset", "endless"), "--preset"),
        (("--samples", "0"), "--samples"),
        (("--range", "0:5000"), "reaches past"),
        (("--range", "5"), "START:STOP was expected"),
        (("--defence", "nothing"), "nothing"),
    ],
)
def test_mistakes_are_named(ask, tmp_path: Path, options: tuple[str, ...], said: str):
    answer = ask(*options)
    assert answer.code == 2
    assert said in " ".join(answer.err.split())
    assert not (tmp_path / "audited").exists()


def test_a_failing_checkpoint_makes_the_exit_code_1(cli: Cli, tmp_path: Path):
    """The report of a run written by hand, told by ``pixelproof report``."""
    write_audit_run(tmp_path).close()
    answer = cli("report", tmp_path, "--figures", "png")
    assert answer.code == 1
    assert "Objections: the claim does not stand." in answer.out
    assert "The claim of zoo:<lenet> does not stand: see checkpoint 6." in answer.err
    assert "✗ fails" in answer.out
    told = cli("report", tmp_path, "--json", "--quiet")
    assert told.code == 1
    assert "fail" in {row["value"] for row in json.loads(told.out)["rows"]}
    assert told.err == answer.err
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "figures" / "audit-06-iterations.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_of_a_finished_audit_is_written_again(ask, cli: Cli, tmp_path: Path):
    ask()
    page = tmp_path / "audited" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert cli("report", tmp_path / "audited").code == 0
    assert page.read_bytes() == before


def test_the_command_has_no_places_of_this_machine():
    spec = AuditSpec(
        model="zoo:lenet",
        data="npz:/home/someone/x.npz",
        claim="/home/someone/claim.toml",
        range=(0, 50),
        stored=("/home/someone/run",),
        trust_code=True,
    )
    assert command_line("audit", spec, Path("/home/someone/out")) == (
        "pixelproof audit --model zoo:lenet --data npz:FILE --claim claim.toml --range 0:50 --out out --stored run"
    )


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditView]:
    """An audit of a model that gives no gradients, at every checkpoint, by the smallest effort."""

    folder, model = tmp_path_factory.mktemp("blind"), lenet().eval()
    data = bundled().take(slice(0, 60))
    spec = AuditSpec(model="python:blind", data="arrays", claim="python", device="cpu")
    classifier = wrap_model(lambda images: model(images).detach().numpy(), name="blind")
    run_job(AuditJob(spec, claim(), classifier, data, SMALLEST), folder).close()
    view = read_audit(folder)
    write_audit(view, folder)
    return folder, view


def test_without_gradients_the_rest_is_measured_and_why_not_is_said(blind: tuple[Path, AuditView]):
    folder, view = blind
    needing = {each.number for each in CHECKPOINTS if each.needs == "gradients"}
    skipped = {each.number: each.finding for each in view.of("skipped")}
    assert needing <= skipped.keys()
    assert all("gives no gradients" in skipped[number] for number in needing)
    assert len(view.answers) == len(CHECKPOINTS)
    assert not any("gives no gradients" in each.finding for each in view.answers if each.verdict != "skipped")
    said = Page((folder / "report.html").read_text("utf-8")).text
    assert "What could not be measured" in said
    for number in needing:
        assert skipped[number] in said


def test_the_bare_network_may_be_named_and_decides_who_the_run_is(ask, tmp_path: Path):
    answer = ask(*SMALL, "--bare", "zoo:lenet", out="bare")
    assert answer.code == 0
    with RunStore.open(tmp_path / "bare") as run:
        assert run.manifest.settings["bare"] == run.manifest.model.fingerprint
        identity = run.manifest.identity
    ask()
    with RunStore.open(tmp_path / "audited") as run:
        assert run.manifest.settings["bare"] is None
        assert run.manifest.identity != identity
