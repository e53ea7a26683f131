"""What people may write, and what they are told otherwise."""

from __future__ import annotations

import pytest

from pixelproof.defences import BitDepth, Chain, MedianFilter, TotalVariation, read_defence
from pixelproof.errors import InputError


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("tvm", TotalVariation()),
        ("tvm()", TotalVariation()),
        ("tvm(keep=0.3,weight=0.5)", TotalVariation(0.3, 0.5)),
        (" tvm( .3, seed = 7 ) ", TotalVariation(keep=0.3, seed=7)),
        ("tvm(weight=1e-02)", TotalVariation(weight=0.01)),
        ("tvm(weight=1e+0,keep=1)", TotalVariation(1.0, 1.0)),
        ("bits", BitDepth(5)),
        ("bits(3)", BitDepth(3)),
        ("median(size=3)", MedianFilter(3)),
        ("squeeze", Chain((BitDepth(5), MedianFilter(2)))),
        ("bits(5) + median(2)", Chain((BitDepth(5), MedianFilter(2)))),
        ("tvm+squeeze", Chain((TotalVariation(), BitDepth(5), MedianFilter(2)))),
    ],
)
def test_spellings(spelling, meant):
    found = read_defence(spelling)
    assert found == meant
    assert found.spelling == meant.spelling
    assert read_defence(found.spelling) == meant
    assert read_defence(found.name) == meant


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        (
            "blur",
            r"There is no defence 'blur'; expected bits\(5\), median\(2\), squeeze \(both\), tvm\(keep=.*joined by",
        ),
        ("", "There is no defence ''"),
        ("tvm+", "There is no defence ''"),
        ("bits(5", r"There is no defence 'bits\(5'"),
        ("squeeze(3)", r"There is no defence 'squeeze\(3\)'"),
        ("tvm(drop=0.5)", r"'tvm\(drop=0.5\)' has 'drop=0.5'; expected each of keep, weight, iterations, seed at most"),
        ("tvm(0.5,0.03)", r"'tvm\(0.5,0.03\)' has '0.03'; expected each of keep"),
        ("bits(five)", r"'bits\(five\)' has 'five'; expected a whole number for bits"),
        ("bits(2.5)", "expected a whole number for bits"),
        ("tvm(weight=)", "expected a number for weight"),
        ("tvm(keep=2)", r"needs 0 < keep ≤ 1, .* not 2\.0"),
        ("bits(9)", "1 to 8 bits was expected, not 9"),
    ],
)
def test_misspellings_say_what_there_is(spelling, text):
    with pytest.raises(InputError, match=text) as caught:
        read_defence(spelling)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
