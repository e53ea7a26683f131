"""The grammar of requirements, and the sentence on each mistake."""

from __future__ import annotations

import pytest

from pixelproof.errors import InputError
from pixelproof.results.gate.measure import TERMS, Measure
from pixelproof.results.gate.requirement import find, parse_requirement


@pytest.mark.parametrize(
    ("text", "name", "sign", "kind", "value"),
    [
        ("robust-accuracy(linf,3) >= 40%", "robust-accuracy(linf,3)", ">=", "share", 0.4),
        ("  robust-accuracy ( threshold , 3 )≥40.5 %", "robust-accuracy(linf,3)", ">=", "share", 0.405),
        ("proved(l0,1) >= 10", "proved(l0,1)", ">=", "count", 10),
        ("proved(few-pixel,1) >= 10%", "proved(l0,1)", ">=", "share", 0.1),
        ("broken(l0,1)<=0", "broken(l0,1)", "<=", "count", 0),
        ("mce <= 35%", "mce", "<=", "share", 0.35),
        ("normalised-mce <= 120%", "normalised-mce", "<=", "share", 1.2),
        ("mean-robust-accuracy >= 1%", "mean-robust-accuracy", ">=", "share", 0.01),
        ("mean-robust-accuracy(l0) >= 1%", "mean-robust-accuracy(l0)", ">=", "share", 0.01),
        ("clean-accuracy >= baseline - 2%", "clean-accuracy", ">=", "baseline", 0.02),
        ("mce <= baseline + 1.5", "mce", "<=", "baseline", 0.015),
        ("accuracy(fog,3) >= 50%", "accuracy(fog,3)", ">=", "share", 0.5),
        (
            "robust-accuracy(pgd(epsilon=8, iterations=5)) >= 5%",
            "robust-accuracy(pgd(epsilon=8,iterations=5))",
            ">=",
            "share",
            0.05,
        ),
        ("clever(12.5) >= 50%", "clever(12.5)", ">=", "share", 0.5),
    ],
)
def test_what_is_written_is_read(text: str, name: str, sign: str, kind: str, value: float) -> None:
    found = parse_requirement(text)
    assert (found.name, found.sign, found.kind) == (name, sign, kind)
    assert found.value == pytest.approx(value)


def test_verdicts_are_read() -> None:
    found = parse_requirement("audit >= warn")
    assert (found.kind, found.sign, found.verdict) == ("verdict", ">=", "warn")
    assert parse_requirement("checkpoint(4) = pass").arguments == ("4",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read; expected a form such as robust-accuracy(linf,3) >= 40%"),
        ("robust-accuracy", "cannot be read"),
        ("robust-acuracy(linf,3) >= 40%", "no term 'robust-acuracy' (is robust-accuracy meant?)"),
        ("robust-accuracy(linf,3) > 40%", "> is no sign of a requirement; expected >=, <= or =, so write >="),
        ("robust-accuracy(linf,3) = 40%", "only a verdict is required with ="),
        ("robust-accuracy(linf,3) >= 0.4", "robust-accuracy is a share, so 0.4 needs a %"),
        ("robust-accuracy(linf,3) >= 140%", "140% is more than all"),
        ("robust-accuracy(linf,3) >= -4%", "'-4' is no number of 0 or more"),
        ("robust-accuracy(linf,3) >= nan%", "'nan' is no number"),
        ("robust-accuracy(linf) >= 40%", "is written as robust-accuracy(NORM,TH) or robust-accuracy(ATTACK)"),
        ("robust-accuracy(linf,x) >= 40%", "is written as"),
        ("robust-accuracy >= 40%", "and nothing stands in its brackets"),
        ("mce(3) <= 40%", "mce is written as mce, and 3 stands in its brackets"),
        ("proved(l0,1) >= ten", "'ten' is no number"),
        ("audit = passed", "not = passed (is pass meant?)"),
        ("audit <= pass", "a verdict is required as = or >="),
        ("clean-accuracy >= baseline", "so many points are allowed for; expected >= baseline - and a share"),
        ("clean-accuracy >= baseline - 0%", "more than 0 points must be allowed for"),
        ("clean-accuracy >= baseline + 2%", "expected >= baseline -"),
        ("mce >= baseline - 2%", "expected <= baseline +"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_requirement(text)
    assert says in str(caught.value)
    assert str(caught.value).count(". ") == 0


def test_a_measure_is_found_by_its_name() -> None:
    levels = [Measure("robust-accuracy", ("linf", th), {1: 1.0}) for th in ("1", "3")]
    pgd = Measure("robust-accuracy", ("pgd(norm=linf,epsilon=8)",), {1: 1.0})
    other = Measure("robust-accuracy", ("pgd(norm=linf,epsilon=4)",), {1: 1.0})
    assert find(parse_requirement("robust-accuracy(linf,3) >= 1%"), [*levels, pgd]) is levels[1]
    assert find(parse_requirement("robust-accuracy(pgd) >= 1%"), [*levels, pgd]) is pgd
    assert find(parse_requirement("robust-accuracy(pgd(norm=linf, epsilon=8)) >= 1%"), [pgd, other]) is pgd
    with pytest.raises(InputError, match=r"may be .*epsilon=8.* and .*epsilon=4.*; write one of them\.$"):
        find(parse_requirement("robust-accuracy(pgd) >= 1%"), [pgd, other])
    with pytest.raises(InputError, match=r"the run has no mce; it has robust-accuracy\.$"):
        find(parse_requirement("mce <= 1%"), levels)


def test_clever_counts_the_images_of_a_length() -> None:
    scores = Measure("clever", (), {1: 3.0, 2: 12.0, 3: 40.0}, limits=(0.0, float("inf")))
    found = find(parse_requirement("clever(12) >= 50%"), [scores])
    assert (found.name, found.count, found.total) == ("clever(12)", 2, 3)


def test_every_term_can_be_required() -> None:
    arguments = {"NORM,TH": "l0,1", "CORRUPTION": "fog", "LENGTH": "3", "NUMBER": "4", "NORM": "l0"}
    for term, (form, _, _) in TERMS.items():
        inside = form.partition(")")[0].removeprefix("(")
        written = f"{term}({arguments[inside]})" if inside else term
        sign = "= pass" if term in ("audit", "checkpoint") else ">= 10%" if Measure(term).more_is_better else "<= 10%"
        assert parse_requirement(f"{written} {sign}").term == term
