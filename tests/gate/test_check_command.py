"""pixelproof check and --fail-under on the command line: exit codes, and what dashboards and pull requests get."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from pixelproof.plans.check import CheckSpec, check
from pixelproof.report.check import check_junit, check_markdown, check_sarif
from pixelproof.runs import RunStore
from tiny_run import TINY_ARGUMENTS, Cli
from words import beyond

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).parents[1] / "schemas"
MET = "robust-accuracy(linf,1) >= 5%"
NOT_MET = "robust-accuracy(linf,1) >= 99%"
UNDECIDED = "robust-accuracy(linf,1) >= {:.0f}%"
Runs = dict[str, Path]


def undecided(run: Path) -> str:
    """A requirement at what was measured, which no interval lies to one side of."""
    from pixelproof.results.gate.read import measures

    with RunStore.open(run) as store:
        value = next(each.value for each in measures(store) if each.name == "robust-accuracy(linf,1)")
    assert value is not None
    return UNDECIDED.format(100 * value)


def test_exit_codes(cli: Cli, forty: Runs) -> None:
    run, open_ = forty["old"], undecided(forty["old"])
    assert cli("check", run, "--require", MET).code == 0
    assert cli("check", run, "--require", MET, "--require", NOT_MET, "--require", open_).code == 1
    answer = cli("check", run, "--require", MET, "--require", open_)
    assert answer.code == 3
    assert f"cannot be decided {open_}" in answer.out
    assert cli("check", run, "--require", "robust-acuracy(linf,1) >= 5%").code == 2
    assert cli("check", run).code == 2


def test_a_file_of_requirements(cli: Cli, forty: Runs, tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(f'require = ["{MET}"]\nbaseline = "{forty["old"]}"\nalpha = 0.01\n', "utf-8")
    answer = cli("check", forty["old"], "--requirements", file, "--require", NOT_MET, "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["alpha"], found["baseline"]) == (1, 0.01, str(forty["old"]))
    assert [each["requirement"] for each in found["requirements"]][:2] == [MET, NOT_MET]
    assert any("baseline" in each["requirement"] for each in found["requirements"])
    assert (
        json.loads(cli("check", forty["old"], "--requirements", file, "--alpha", "0.2", "--json").out)["alpha"] == 0.2
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("requires = []", "requires: there is no such key; did you mean require?"),
        ('require = "mce <= 3%"', "require: expected a list"),
        ("alpha = 0.7", "alpha lies above 0 and below 0.5, not at 0.7"),
        ("margin = 0", "the margin is a number of points above 0"),
        ('require = ["mce <= 3"]', "mce is a share, so 3 needs a %"),
    ],
)
def test_mistakes_in_the_file(cli: Cli, forty: Runs, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(text, "utf-8")
    answer = cli("check", forty["old"], "--requirements", file)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err


def test_a_worse_network_fails_and_another_seed_does_not(cli: Cli, forty: Runs) -> None:
    assert cli("check", forty["seed"], "--baseline", forty["old"]).code in (0, 3)
    assert cli("check", forty["worse"], "--baseline", forty["old"]).code == 1


def test_two_samples_say_how_many_can(cli: Cli, forty: Runs) -> None:
    answer = cli("check", forty["two"], "--baseline", forty["old"], "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["outcome"]) == (3, "undecided")
    assert all(each["take"] > 2 for each in found["requirements"])
    assert any(str(each["take"]) in each["sentence"] for each in found["requirements"])


def test_other_settings_are_refused_or_marked(cli: Cli, forty: Runs, finished: Path) -> None:
    answer = cli("check", forty["old"], "--baseline", finished)
    assert answer.code == 2
    assert "differ in data" in answer.err
    answer = cli("check", forty["old"], "--baseline", finished, "--force")
    assert answer.code in (0, 1, 3)
    assert "Forced: the old and the new run differ in data" in answer.out


@pytest.fixture
def three(forty: Runs) -> Any:
    """An answer with all three outcomes."""
    return check([forty["old"]], CheckSpec(require=(MET, NOT_MET, undecided(forty["old"]), "broken(linf,1) >= 0")))


def test_junit_validates(three: Any) -> None:
    text = check_junit(three)
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(text)
    assert (text.count("<failure "), text.count("<error "), text.count("<testcase ")) == (1, 1, 4)


def test_the_junit_schema_refuses_what_is_none() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate("<testsuite><case/></testsuite>")


def test_sarif_validates(three: Any, tmp_path: Path) -> None:
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))
    file = tmp_path / "gate.toml"
    file.write_text(f'require = [\n "{MET}",\n "{NOT_MET}",\n]\n', "utf-8")
    log = json.loads(check_sarif(three, file))
    for each in (log, json.loads(check_sarif(three))):
        jsonschema.validate(each, schema)
    results = log["runs"][0]["results"]
    assert [(each["kind"], each["level"]) for each in results] == [
        *(("pass", "none"), ("fail", "error"), ("review", "warning"), ("pass", "none")),
    ]
    lines = [each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in results]
    assert lines[:2] == [2, 3]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**log, "version": "2.0.0"}, schema)


def test_json_validates(cli: Cli, forty: Runs) -> None:
    schema = json.loads(files("pixelproof.results.gate").joinpath("check.schema.json").read_text("utf-8"))
    for options in (("--require", MET, "--require", "proved(linf,1) >= 1%"), ("--baseline", forty["seed"])):
        jsonschema.validate(json.loads(cli("check", forty["old"], *options, "--json").out), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"format": 1}, schema)


def test_markdown_is_a_table_and_sentences(three: Any) -> None:
    text = check_markdown(three)
    assert text.startswith("### Robustness of zoo:lenet on cifar10-test-1000: not met\n")
    assert f"| `{NOT_MET}` | **not met** |" in text
    assert "| cannot be decided with " in text
    assert beyond(text) == []


def test_files_are_written(cli: Cli, forty: Runs, tmp_path: Path) -> None:
    outs = {name: tmp_path / "new" / name for name in ("junit", "sarif", "markdown")}
    options = [word for name, path in outs.items() for word in (f"--{name}", path)]
    answer = cli("check", forty["old"], "--require", NOT_MET, *options, "--quiet")
    assert (answer.code, answer.out, answer.err) == (1, "", "")
    assert all(path.read_text("utf-8") for path in outs.values())


def test_perturbations_that_lie_beside_count(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("assess", *TINY_ARGUMENTS, "--samples", "2", "--out", run, "-q").code == 0
    only = ("--only", "fog", "--severities", "1", "--samples", "20")
    beside = ("--model", "zoo:lenet", "--data", "bundled", "--out", run / "perturbations", "-q")
    assert cli("perturb", *beside, *only).code == 0
    assert cli("check", run, "--require", "accuracy(fog) >= 20%", "--require", "broken(l0,1) <= 2").code == 0


def test_fail_under(cli: Cli, tmp_path: Path) -> None:
    tiny = ("assess", *TINY_ARGUMENTS)
    assert cli(*tiny, "--fail-under", "robust-accuracy(linf,1) >= 1%").code == 0
    answer = cli(*tiny, "--out", tmp_path / "run", "--fail-under", "robust-accuracy(linf,1) >= 100%")
    assert answer.code == 1
    assert "not met           robust-accuracy(linf,1) >= 100%" in answer.out
    assert (tmp_path / "run" / "results.json").exists()


@pytest.mark.parametrize(
    ("requirement", "says"),
    [
        ("robust-accuracy(linf,5) >= 1%", "this level will not be measured; add it to --levels and --attacks."),
        ("mce <= 1%", "assess does not measure mce; add --with perturbations."),
        ("audit = pass", "assess does not measure audit."),
        ("clean-accuracy >= baseline - 3%", "there is no baseline yet; give both runs to pixelproof check."),
    ],
)
def test_what_will_not_be_measured_is_said_before_the_work(cli: Cli, requirement: str, says: str) -> None:
    answer = cli("assess", *TINY_ARGUMENTS, "--fail-under", requirement)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
