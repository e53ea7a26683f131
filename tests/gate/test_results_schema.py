"""results.json of every kind of job, and of a plan, validates by the schema that comes with the package."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gate.conftest import Kinds
from kinds import KINDS
from pixelproof.cli.documents import show
from pixelproof.errors import VerificationError
from pixelproof.results.scoreboard import FORMAT, row, write_scoreboard
from pixelproof.runs import RunStore
from tiny_run import Cli

pytestmark = pytest.mark.slow

SCHEMA = json.loads(files("pixelproof.results").joinpath("results.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_job_writes_it(kinds: Kinds, kind: str, tmp_path: Path) -> None:
    with kinds(kind) as made:
        folder = Path(shutil.copytree(str(made.folder), tmp_path / "run"))
    with RunStore.open(folder) as run:
        with suppress(VerificationError):  # a claim that does not stand, once all is written
            show(run)
        manifest = run.manifest
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    jsonschema.validate(found, SCHEMA, jsonschema.Draft202012Validator)
    assert (found["format"], found["job"], found["identity"]) == (FORMAT, manifest.job, manifest.identity)
    assert found["measures"]
    assert str(tmp_path) not in json.dumps({key: value for key, value in found.items() if key != "rows"})


def test_a_comparison_writes_it(cli: Cli, forty: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = cli("compare", forty["old"], forty["seed"], "--out", out, "--json", "-q")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found == json.loads((out / "results.json").read_text("utf-8"))
    jsonschema.validate(found, SCHEMA, jsonschema.Draft202012Validator)
    assert {"p", "p_corrected", "worse", "better"} <= found["rows"][0].keys()


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    path = write_scoreboard(tmp_path, [row("a", float("nan"), "", interval=[0.0, float("inf")])], {}, "command")
    found = json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (found["rows"][0]["value"], found["rows"][0]["interval"]) == (None, [0.0, None])
    jsonschema.validate(found, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"rows": [{"claim": "no value"}]},
        {"job": "assess"},
        {"measures": [{"name": "a", "value": 1, "unit": "points", "images": 3}]},
    ],
)
def test_the_schema_refuses(wrong: dict[str, Any]) -> None:
    right = {"format": 1, "environment": {}, "rows": []}
    jsonschema.validate(right, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**right, **wrong}, SCHEMA)
