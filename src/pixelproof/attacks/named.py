"""Attacks by spec strings, as on the command line.

Other packages bring theirs by entry points of the group ``pixelproof.attacks``.
"""

import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pixelproof.attacks.attack import Attack
from pixelproof.errors import InputError
from pixelproof.plugins import names, plugin
from pixelproof.wording import meant

#: Where each attack is; a file is read when its attack is asked for.
_PLACES = {
    "fgsm": "gradient.fgsm:FGSM",
    "bim": "gradient.bim:BIM",
    "pgd": "gradient.pgd:PGD",
    "apgd": "gradient.apgd:AutoPGD",
    "fab": "gradient.fab:FAB",
    "deepfool": "gradient.deepfool:DeepFool",
    "newtonfool": "gradient.newtonfool:NewtonFool",
    "cw-l2": "gradient.cw_l2:CWL2",
    "cw-linf": "gradient.cw_linf:CWLinf",
    "virtual-adversarial": "gradient.virtual_adversarial:VirtualAdversarial",
    "jsma": "gradient.jsma:JSMA",
    "elastic-net": "gradient.elastic_net:ElasticNet",
    "sigma-zero": "gradient.sigma_zero:SigmaZero",
    "sparse-pgd": "gradient.sparse_pgd:SparsePGD",
    "universal": "gradient.universal:Universal",
    "shadow": "gradient.shadow:Shadow",
    "spatial": "gradient.spatial:Spatial",
    "rotation-translation": "gradient.rotation_translation:RotationTranslation",
    "square": "scores.square:SquareAttack",
    "nes": "scores.nes:NES",
    "zoo": "scores.zoo:ZOO",
    "surrogate-regression": "scores.surrogate_regression:SurrogateRegression",
    "boundary": "labels.boundary:Boundary",
    "hop-skip-jump": "labels.hop_skip_jump:HopSkipJump",
    "label-regression": "labels.label_regression:LabelRegression",
    "label-pixels": "labels.label_pixels:LabelPixels",
    "autoattack": "ensemble:AutoAttack",
    "worst": "ensemble:WorstCase",
}
NAMES = tuple(_PLACES)
LIBRARIES = ("art", "foolbox", "torchattacks", "adv")
_SPEC = re.compile(r"([\w-]+)\s*(?:\((.*)\))?", re.DOTALL)


def parse_attack(spec: str) -> Attack:
    """The attack that ``spec`` names: ``pgd``, ``pgd(epsilon=8,norm=l2)``, ``art:FastGradientMethod(eps=0.03)``.

    Parameters stand by name in parentheses, those left out keep their defaults; ``worst(fgsm|pgd)`` tries several.
    Raises ``InputError`` for anything else.
    """
    text = spec.strip()
    library, colon, _ = text.partition(":")
    if colon and library in LIBRARIES:
        from pixelproof.attacks.libraries import library_attack

        return library_attack(text)
    found = _SPEC.fullmatch(text)
    kind = attack_class(found[1]) if found else None
    if not found or kind is None:
        raise InputError(_unknown(text, found[1] if found else text))
    given = (found[2] or "").strip()
    values = _parameters(text, given, kind) if found[1] != "worst" else {"attacks": _members(given)}
    attack: Attack = kind(**values)
    return attack


def split(text: str, separator: str = ",") -> list[str]:
    """The parts of ``text`` between separators that stand outside all brackets, without blank ones."""
    parts, depth, start = [], 0, 0
    for k, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == separator and depth == 0:
            parts.append(text[start:k])
            start = k + 1
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _members(given: str) -> tuple[Attack, ...]:
    """The attacks joined by ``|``."""
    return tuple(parse_attack(part) for part in split(given, "|"))


def attack_class(name: str) -> Any:
    """The class of the attack called ``name``, one of ``NAMES`` or a plug-in's; None where there is none."""
    theirs = plugin("attacks", name, NAMES)
    if theirs is not None:
        expected = f"a subclass of pixelproof.attacks.attack.Attack, a dataclass with the name {name!r},"
        return theirs.load(expected, lambda found: found if _fits(found, name) else None)
    return own_class(name) if name in _PLACES else None


def own_class(name: str) -> Any:
    """The class of pixelproof's attack called ``name``, one of ``NAMES``."""
    place, _, kind = _PLACES[name].partition(":")
    return getattr(import_module(f"pixelproof.attacks.{place}"), kind)


def _fits(found: Any, name: str) -> bool:
    of_attacks = isinstance(found, type) and issubclass(found, Attack) and is_dataclass(found)
    return of_attacks and getattr(found, "name", None) == name


def _unknown(text: str, name: str) -> str:
    known = (*NAMES, *names("attacks"))
    hint = meant(name, ("few-pixel", "threshold", *known))
    libraries = ", ".join(f"{library}:NAME" for library in LIBRARIES)
    return f"There is no attack {text!r}{hint}; expected few-pixel, threshold, {', '.join(known)}, or {libraries}."


def _parameters(text: str, given: str, kind: type[Attack]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    types = {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for part in split(given):
        name, named, value = (each.strip() for each in part.partition("="))
        if not named or name not in types or name in values:
            hint = meant(name, types) if name not in types else ""
            takes = (
                f"expected each of {', '.join(types)} at most once, by name{hint}"
                if types
                else "it takes no parameters"
            )
            raise InputError(f"{text!r} has {part!r}; {takes}.")
        values[name] = _value(text, part, types[name], value)
    return values


def _value(text: str, part: str, kind: Any, value: str) -> Any:
    """``value`` as a parameter of type ``kind``: a number, a truth value, one of some words, or none."""
    choices, expected = [], []
    for each in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        reader, words = _reader(each)
        choices.append(reader)
        expected.append(words)
    for read in choices:
        try:
            return read(value)
        except (ValueError, KeyError):
            continue
    raise InputError(f"{text!r} has {part!r}; expected {' or '.join(expected)}.")


def _reader(kind: Any) -> tuple[Any, str]:
    if kind is NoneType:
        return {"none": None, "None": None}.__getitem__, "none"
    if kind is bool:
        return {"true": True, "True": True, "false": False, "False": False}.__getitem__, "true or false"
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return {str(word): word for word in words}.__getitem__, f"one of {', '.join(map(str, words))}"
    return (int, "a whole number") if kind is int else (float, "a number") if kind is float else (str, "text")
