"""pixelproof init: a file that runs as it is, and a schema that says what assess takes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pixelproof.cli import init
from pixelproof.jobs.assess_file import AssessFile, read_assess_file
from pixelproof.jobs.assess_spec import AssessSpec
from pixelproof.runs import RunStore
from tiny_run import Cli

SHIPPED = Path(init.__file__).with_name(init.SCHEMA)


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_schema_that_comes_with_the_package_is_that_of_the_options() -> None:
    shipped = json.loads(SHIPPED.read_text("utf-8"))
    assert shipped == init.json_schema(), "the options have changed: run python tools/schema.py"
    Draft202012Validator.check_schema(shipped)
    fields = {field.alias or name for name, field in AssessFile.model_fields.items()}
    assert set(shipped["properties"]) == fields - {"trust_code"}
    assert set(AssessSpec.model_fields) <= fields


def test_every_option_is_in_the_file_with_what_it_is(cli: Cli) -> None:
    assert cli("init", "mine.toml").code == 0
    text = Path("mine.toml").read_text("utf-8")
    assert text.startswith(f"#:schema ./{init.SCHEMA}\n")
    schema = json.loads(Path(init.SCHEMA).read_text("utf-8"))
    assert tomllib.loads(text) == {"model": "zoo:lenet", "data": "bundled", "out": "run"}
    whole = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    values = tomllib.loads(whole)
    assert list(values) == list(schema["properties"])
    assert list(Draft202012Validator(schema).iter_errors(values)) == []
    for key, value in values.items():  # one by one, since some do not go together
        Path("one.toml").write_text(f"{key} = {json.dumps(value)}\n", "utf-8")
        assert read_assess_file(Path("one.toml")) == {key: value}


@pytest.mark.parametrize("values", [{"samples": 0}, {"sampels": 3}, {"preset": "quik"}, {"trust_code": True}])
def test_an_editor_sees_mistakes(values: dict[str, object]) -> None:
    assert list(Draft202012Validator(json.loads(SHIPPED.read_text("utf-8"))).iter_errors(values))


def test_nothing_is_written_over(cli: Cli) -> None:
    Path("spec.toml").write_text("mine")
    assert cli("init").code == 2
    assert [each.name for each in Path().iterdir()] == ["spec.toml"]
    assert Path("spec.toml").read_text() == "mine"
    Path("spec.toml").unlink()
    Path(init.SCHEMA).write_text("mine too")
    assert cli("init").code == 2
    assert not Path("spec.toml").exists()
    assert cli("init", "--force").code == 0
    assert cli("init", "other.toml").code == 0  # beside the schema that is there already


@pytest.mark.slow
def test_options_on_the_command_line_win(cli: Cli) -> None:
    Path("spec.toml").write_text(
        'model = "zoo:lenet"\ndata = "bundled"\nout = "run"\nrange = [0, 30]\nsamples = 9\nlevels = [1, 10]\n'
        'max_queries = 60\nattacks = ["few-pixel", "square(queries=9)"]\nindependent_levels = true\ntarget = 3\n'
    )
    answer = cli("assess", "spec.toml", "--samples", "2", "--out", "other")
    assert (answer.code, answer.err) == (0, "")
    with RunStore.open(Path("other")) as run:
        spec = run.manifest.spec
    assert (spec["samples"], spec["range"], spec["levels"], spec["max_queries"]) == (2, [0, 30], [1, 10], 60)
    assert (spec["attacks"][0], spec["independent_levels"], spec["target"]) == ("few-pixel", True, "3")
    assert spec["attacks"][1].startswith("square(")
    assert not Path("run").exists()
    again = cli(
        "assess",
        *("--model", "zoo:lenet", "--data", "bundled", "--range", "0:30", "--samples", "2"),
        *("--levels", "1,10", "--max-queries", "60", "--attacks", "few-pixel,square(queries=9)"),
        *("--independent-levels", "--target", "3", "--out", "other"),
    )
    assert again.code == 0  # the run is that of the same words on the command line
