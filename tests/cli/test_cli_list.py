"""pixelproof list: everything that can be typed is there, each with one sentence."""

from __future__ import annotations

import json
import re

import pytest

from pixelproof.attacks.named import NAMES
from pixelproof.corruptions.suites import PERTURBATIONS
from pixelproof.data.load import SPECS as DATA
from pixelproof.models.load import SPECS as MODELS
from pixelproof.search.registry import SEARCHES
from pixelproof.zoo.registry import ZOO
from tiny_run import Cli


def typed(specs: str) -> set[str]:
    """The kinds that an error names: ``onnx``, ``FILE.pt2``."""
    return {re.split(r"[:( ]", each)[0] for each in re.split(", | or ", specs)}


def test_all_of_each_kind_is_listed(cli: Cli) -> None:
    found = json.loads(cli("list", "--json").out)
    assert list(found) == ["models", "data", "attacks", "searches", "defences", "corruptions"]
    assert {f"zoo:{name}" for name in ZOO} <= set(found["models"])
    assert typed(MODELS) - {"zoo"} <= {re.split(r"[:( ]", each)[0] for each in found["models"]}
    assert typed(DATA) == {each.partition(":")[0] for each in found["data"]}
    assert set(NAMES) < set(found["attacks"])
    assert set(SEARCHES) == set(found["searches"])
    assert set(PERTURBATIONS) == set(found["corruptions"])
    assert {"masks", "jpeg", "round"} < set(found["defences"])
    for lines in found.values():
        for sentence in lines.values():
            assert len(sentence) > 12
            assert "\n" not in sentence
            assert "``" not in sentence
            assert not re.search(r"\b[A-Z]\.$", sentence)


def test_one_kind_alone(cli: Cli) -> None:
    answer = cli("list", "searches")
    assert answer.code == 0
    assert "pixel-process" in answer.out
    assert "jpeg" not in answer.out


@pytest.mark.parametrize(("kind", "meant"), [("attcks", " (is attacks meant?)"), ("zoo", "")])
def test_an_unknown_kind_is_said(cli: Cli, kind: str, meant: str) -> None:
    answer = cli("list", kind)
    assert answer.code == 2
    assert f"There is no kind '{kind}' to list{meant}; expected one of models, data" in answer.err.replace("\n", " ")
