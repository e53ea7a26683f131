"""Sums are alike on any number of threads, by what MKL is told before its first call."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: A layer that MKL cuts by threads on Intel's processors unless it is told not to.
LAYER = (
    "import {first}torch, hashlib\n"
    "weight, images = torch.rand(120, 400) - 0.5, torch.rand(8, 400)\n"
    "said = []\n"
    "for threads in (1, 2, 3):\n"
    "    torch.set_num_threads(threads)\n"
    "    said.append(hashlib.sha256((images @ weight.T).numpy().tobytes()).hexdigest())\n"
    "print(len(set(said)))\n"
)


def said(code: str, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**kept, **variables}
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_a_layer_is_alike_on_one_thread_two_and_three():
    assert said(LAYER.format(first="pixelproof, ")) == "1"


def test_what_the_user_chose_stays():
    code = "import pixelproof, os; print(os.environ['MKL_CBWR'])"
    assert said(code, MKL_CBWR="COMPATIBLE") == "COMPATIBLE"


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ({"vendor_id": "GenuineIntel", "flags": "fpu avx2 avx512f"}, "AVX512,STRICT"),
        ({"vendor_id": "GenuineIntel", "flags": "fpu avx2"}, "AVX2,STRICT"),
        ({"vendor_id": "GenuineIntel", "flags": "fpu"}, None),
        ({"vendor_id": "AuthenticAMD", "flags": "fpu avx2 avx512f"}, None),
        ({}, None),
    ],
)
def test_only_routines_that_the_processor_has_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], chosen: str | None
):
    from pixelproof import strict_sums

    monkeypatch.delenv("MKL_CBWR", raising=False)
    monkeypatch.setattr(strict_sums, "first_core", lambda key: told.get(key, ""))
    strict_sums.ask_for_strict_sums()
    found = os.environ.get("MKL_CBWR")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert found == chosen
