"""The file of requirements: its JSON Schema is that of the options, and the examples keep to it."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tools.schema import gate_schema

from pixelproof.jobs.assess_file import read_assess_file
from pixelproof.plans.check import CheckSpec
from pixelproof.results.gate.requirement import parse_requirement

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
SCHEMA = json.loads(files("pixelproof.cli").joinpath("gate.schema.json").read_text("utf-8"))


def test_the_schema_that_comes_with_the_package_is_that_of_the_file() -> None:
    assert gate_schema() == SCHEMA, "the options have changed: run python tools/schema.py"
    Draft202012Validator.check_schema(SCHEMA)


def test_the_example_keeps_to_it() -> None:
    said = tomllib.loads((EXAMPLES / "gate.toml").read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(said)
    assert all(parse_requirement(each) for each in CheckSpec(**said).require)
    assert [parse_requirement(each) for each in read_assess_file(EXAMPLES / "spec.toml")["fail_under"]]


@pytest.mark.parametrize("wrong", [{"requires": []}, {"alpha": "small"}, {"require": "mce <= 3%"}])
def test_the_schema_refuses(wrong: dict[str, object]) -> None:
    assert list(Draft202012Validator(SCHEMA).iter_errors(wrong))
