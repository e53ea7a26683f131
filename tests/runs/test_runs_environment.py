"""What of its environment the last bits of a run follow."""

from __future__ import annotations

import pytest
import torch

from pixelproof.runs.environment import ARITHMETIC, arithmetic, environment, moved

CPU = torch.device("cpu")


def test_the_environment_names_the_arithmetic():
    found = environment(CPU)
    assert {key: found[key] for key in ARITHMETIC} == arithmetic(CPU)
    assert found["instructions"].startswith(torch.backends.cpu.get_cpu_capability())
    assert all(found[key] for key in ARITHMETIC)


@pytest.mark.parametrize("key", ARITHMETIC)
def test_each_part_of_it_counts(key: str):
    here = arithmetic(CPU)
    assert moved(here, here) is None
    assert moved(here, {**here, key: "other"}) == f"{key} {here[key]} before, other now"


def test_what_an_older_run_does_not_name_is_not_missed():
    here = arithmetic(CPU)
    assert moved({"torch": here["torch"], "threads": "64"}, here) is None


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)  # which pixelproof itself sets on Intel's processors
    before = arithmetic(CPU)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert arithmetic(CPU)["instructions"] == f"{before['instructions']} ONEDNN_MAX_CPU_ISA=AVX2"
