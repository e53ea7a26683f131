"""What people may write, and what they are told otherwise."""

from __future__ import annotations

import pytest

from pixelproof.defences import (
    BitDepth,
    Chain,
    GaussianNoise,
    HighConfidence,
    Jpeg,
    Masks,
    MedianFilter,
    OutputNoise,
    ReverseSigmoid,
    Rounding,
    SpatialSmoothing,
    Thermometer,
    TotalVariation,
    parse_defence,
    parse_masked,
)
from pixelproof.errors import InputError


@pytest.mark.parametrize(
    ("spec", "meant"),
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
        ("jpeg", Jpeg(75)),
        ("smooth", SpatialSmoothing(3)),
        ("smooth(5)", SpatialSmoothing(5)),
        ("noise", GaussianNoise(8.0)),
        ("noise(12.75,seed=3)", GaussianNoise(12.75, 3)),
        ("jpeg(75)+smooth(3)+tvm", Chain((Jpeg(75), SpatialSmoothing(3), TotalVariation()))),
        ("jpeg + thermometer(8)", Chain((Jpeg(), Thermometer(8)))),
        ("round(2)", Chain((), (Rounding(2),))),
        ("high-confidence(0.9)", Chain((), (HighConfidence(0.9),))),
        ("reverse-sigmoid(gamma=0.2)", Chain((), (ReverseSigmoid(1.0, 0.2),))),
        ("noise+reverse-sigmoid", Chain((GaussianNoise(),), (ReverseSigmoid(),))),
        (
            "squeeze+output-noise(1e-1,seed=7)+round",
            Chain((BitDepth(5), MedianFilter(2)), (OutputNoise(0.1, 7), Rounding(2))),
        ),
    ],
)
def test_spellings(spec, meant):
    found = parse_defence(spec)
    assert found == meant
    assert found.spec == meant.spec
    assert parse_defence(found.spec) == meant
    assert parse_defence(found.name) == meant


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            "blur",
            r"no defence 'blur'; expected bits\(5\), median\(2\), .* of scores round\(2\), .*, or several joined by",
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
        ("jpeg(75.5)", "expected a whole number for quality"),
        ("jpeg(0)", "quality of 1 to 100 was expected, not 0"),
        ("noise(0)", "0 < sigma ≤ 255 was expected, not 0"),
        ("round(2)+jpeg", r"'jpeg' changes images and round\(2\) scores, so it cannot come after; put defences of"),
        ("jpeg+round+smooth(3)", r"'smooth\(3\)' changes images and round"),
        ("thermometer+smooth", r"thermometer\(16\) gives no images, so smooth\(3\) cannot follow it"),
        ("highconfidence", "There is no defence 'highconfidence'"),
        ("output-noise(sigma=2)", "0 < sigma ≤ 1 was expected, not 2"),
    ],
)
def test_misspellings_say_what_there_is(spec, text):
    with pytest.raises(InputError, match=text) as caught:
        parse_defence(spec)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("masks", (Masks(4), None)),
        ("masks(6)", (Masks(6), None)),
        (" masks( block = 8, pixels=2,patch =3 )", (Masks(8, 2, 3), None)),
        ("masks(4)+jpeg(75)", (Masks(4), Jpeg(75))),
        ("masks(2,patch=2) + squeeze", (Masks(2, patch=2), Chain((BitDepth(5), MedianFilter(2))))),
        ("masks+bits+round", (Masks(4), Chain((BitDepth(5),), (Rounding(2),)))),
        ("jpeg", (None, Jpeg(75))),
    ],
)
def test_masks_stand_around_the_rest(spec, meant):
    assert parse_masked(spec) == meant
    if meant[0] is not None:
        assert parse_masked(meant[0].spec) == parse_masked(meant[0].name) == (meant[0], None)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("masks(0)", "Masks with block of at least 1 were expected, not 0"),
        ("masks(4,pixels=0)", "Masks with pixels of at least 1 were expected, not 0"),
        ("masks(4.5)", r"'masks\(4.5\)' has '4.5'; expected a whole number for block"),
        ("masks(4,pixels=one)", "expected a whole number for pixels"),
        ("masks(4,4)", "expected each of block, pixels, patch at most once, by name"),
        ("jpeg+masks(4)", r"'masks\(4\)' stands around all other defences, .* put it first"),
        ("masks(4)+masks(2)", r"'masks\(2\)' stands around all other defences"),
        ("masks(4)+blur", r"There is no defence 'blur'; expected .*, around them masks\(4\), or several"),
    ],
)
def test_misspelt_masks(spec, text):
    with pytest.raises(InputError, match=text) as caught:
        parse_masked(spec)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
