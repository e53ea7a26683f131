"""How attacks of libraries are typed, and what is said about what cannot be read."""

from __future__ import annotations

import sys
from math import inf

import pytest

from pixelproof.attacks.libraries import library_attack
from pixelproof.attacks.libraries.parse import parse_call
from pixelproof.attacks.norm_ball import NormBall
from pixelproof.errors import InputError

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("PGD", ()),
        ("PGD()", ()),
        (" PGD( eps = 8/255 ) ", (("eps", 8 / 255),)),
        ("PGD(norm=inf,low=-inf)", (("norm", inf), ("low", -inf))),
        ("PGD(norm='inf',a=[1,1/4],b=(True,None))", (("norm", "inf"), ("a", [1, 0.25]), ("b", (True, None)))),
        ("PGD(a=1/2/4,b=-3,c=1e-3)", (("a", 0.125), ("b", -3), ("c", 1e-3))),
        ("PGD(ε=0.5)", (("ε", 0.5),)),
    ],
)
def test_what_can_be_read(text, parameters):
    assert parse_call(text, text) == ("PGD", parameters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PGD(",
        "PGD(8)",
        "PGD(eps=8,eps=9)",
        "PGD(**{'eps': 1})",
        "a.PGD(eps=1)",
        "PGD(eps=__import__('os'))",
        "PGD(eps=1/0)",
        "PGD(eps='a'/2)",
        "PGD(eps=2*3)",
        "PGD(eps=word)",
        "PGD(eps=1)(eps=2)",
    ],
)
def test_nothing_else_can(text):
    with pytest.raises(InputError, match=r"cannot be read; expected LIBRARY:ATTACK\(name=value"):
        parse_call(text, f"art:{text}")


@pytest.mark.parametrize(
    "spec", ["torchattacks:Step()", "torchattacks:Step(eps=0.5,steps=2)", "torchattacks:Noise(std=inf)"]
)
def test_a_spelling_names_its_attack(spec):
    attack = library_attack(spec)
    assert attack.spec == spec
    assert library_attack(attack.spec) == attack
    assert hash(attack) == hash(library_attack(spec))
    assert attack.name == spec.partition("(")[0]


def test_a_quotient_and_its_value_are_the_same_attack():
    assert library_attack("torchattacks:Step(eps=8/255)") == library_attack(f"torchattacks:Step(eps={8 / 255!r})")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("cleverhans:PGD", "There is no attack library 'cleverhans'; expected art:ATTACK, foolbox:ATTACK, "),
        ("torchattacks:Stepp", "torchattacks has no attack 'Stepp'; it has Step"),
        ("torchattacks:xyz", "it has Attack, DeepFool, Noise, Part"),
        ("torchattacks:Step(epsilon=1)", "torchattacks:Step has no parameter 'epsilon'; it has eps, steps."),
        ("torchattacks:Step(model=1)", "no parameter 'model'"),
        ("torchattacks:Square(a=1)", "it has none"),
        ("torchattacks:Noise", "torchattacks:Noise needs std=…, in parentheses"),
        ("torchattacks:Step(eps=0)", "epsilon above 0"),
    ],
)
def test_what_is_told_about_the_rest(spec, told):
    with pytest.raises(InputError) as error:
        library_attack(spec)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("library", "module", "install"),
    [
        ("art:FastGradientMethod", "art", "pip install 'pixelproof[art]'"),
        ("foolbox:LinfPGD(epsilon=8)", "foolbox", "pip install 'pixelproof[foolbox]'"),
        ("torchattacks:PGD", "torchattacks", "pip install --no-deps torchattacks"),
        ("adv:fmn(norm=2)", "adv_lib", "pip install --no-deps adv-lib"),
    ],
)
def test_a_missing_library_is_told_with_how_to_install_it(library, module, install, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # so that importing it fails
    with pytest.raises(InputError) as error:
        library_attack(library)
    assert install in str(error.value)


def test_budgets_follow_from_the_parameters_given_or_by_default():
    assert library_attack("torchattacks:Step").ball == NormBall("linf", 8 / 255 * 255)
    assert library_attack("torchattacks:Step(eps=0.5)").ball == NormBall("linf", 127.5)
    assert library_attack("torchattacks:Noise(std=1)").ball is None


def test_what_attacks_need():
    assert library_attack("torchattacks:Step").needs == "gradients"
    assert library_attack("torchattacks:Square").needs == "scores"
