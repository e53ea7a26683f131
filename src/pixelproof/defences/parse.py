"""Defences by spec strings, as on the command line.

Other packages bring theirs by entry points of the group ``pixelproof.defences``: of images, or, where their call takes
``probabilities`` first, of scores.
"""

import re
from dataclasses import MISSING, fields, is_dataclass
from inspect import signature
from typing import Any

from pixelproof.defences.feature_squeezing import BitDepth, MedianFilter
from pixelproof.defences.gaussian_noise import GaussianNoise
from pixelproof.defences.high_confidence import HighConfidence
from pixelproof.defences.jpeg import Jpeg
from pixelproof.defences.masked import MaskedClassifier
from pixelproof.defences.masks import Masks
from pixelproof.defences.output_defence import OutputDefence
from pixelproof.defences.output_noise import OutputNoise
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor
from pixelproof.defences.reverse_sigmoid import ReverseSigmoid
from pixelproof.defences.rounding import Rounding
from pixelproof.defences.spatial_smoothing import SpatialSmoothing
from pixelproof.defences.thermometer import Thermometer
from pixelproof.defences.total_variation import TotalVariation
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier
from pixelproof.plugins import names, plugin
from pixelproof.wording import meant

STEPS: dict[str, type[Any]] = {
    "bits": BitDepth,
    "median": MedianFilter,
    "smooth": SpatialSmoothing,
    "jpeg": Jpeg,
    "tvm": TotalVariation,
    "noise": GaussianNoise,
    "thermometer": Thermometer,
}
OUTPUTS: dict[str, type[Any]] = {
    "round": Rounding,
    "high-confidence": HighConfidence,
    "reverse-sigmoid": ReverseSigmoid,
    "output-noise": OutputNoise,
}
_MASKS = "masks"
_SQUEEZE = ("bits(5)", "median(2)")
_PART = re.compile(r"([\w-]+)(?:\((.*)\))?")
_JOINT = re.compile(r"\+(?![^(]*\))")  # not the sign of an exponent
SPECS = (
    f"{', '.join(kind().name for kind in STEPS.values())}, squeeze ({'+'.join(_SQUEEZE)}), of scores "
    f"{', '.join(kind().name for kind in OUTPUTS.values())}, around them {Masks().name}"
)


def defend(classifier: Classifier, defence: str | None) -> Classifier:
    """``classifier`` behind the ``defence`` of that spec (see ``parse_masked``); itself where that is None."""
    if defence is None:
        return classifier
    masks, preprocessor = parse_masked(defence)
    inner = classifier if preprocessor is None else PreprocessedClassifier(classifier, preprocessor)
    return inner if masks is None else MaskedClassifier(inner, masks)


def undefended(classifier: Classifier, defence: str) -> Classifier:
    """The model that ``defend`` was given when it made ``classifier`` with that ``defence``."""
    for part in parse_masked(defence):
        if part is not None:
            assert isinstance(classifier, (MaskedClassifier, PreprocessedClassifier))
            classifier = classifier.classifier
    return classifier


def parse_masked(spec: str) -> tuple[Masks | None, Preprocessor | None]:
    """The masks that ``spec`` begins with, as ``masks(4)``, and what stands behind them, or without them.

    ``masks(4)+jpeg(75)``: every masked image is compressed. Raises ``InputError`` as ``parse_defence`` does.
    """
    first, *rest = _split(spec)
    found = _PART.fullmatch(first)
    if not found or found[1] != _MASKS:
        return None, parse_defence(spec)
    return _made(Masks, first, found[2] or ""), parse_defence("+".join(rest)) if rest else None


def parse_defence(spec: str) -> Preprocessor:
    """The defence that ``spec`` names: ``tvm``, ``jpeg(75)``, or several in order: ``jpeg(75)+smooth(3)+tvm``.

    Parameters stand by name in parentheses, the first also without: ``tvm(0.3,seed=1)``; those left out keep their
    defaults. ``squeeze`` is ``bits(5)+median(2)``. Defences of the output, as in ``smooth+round(2)``, come last. Raises
    ``InputError`` for anything else.
    """
    steps: list[Preprocessor] = []
    outputs: list[OutputDefence] = []
    for text in _split(spec):
        kind, given = _kind(text)
        if _of_scores(kind):
            outputs.append(_made(kind, text, given))
        elif outputs:
            raise InputError(
                f"{text!r} changes images and {outputs[-1].name} scores, so it cannot come after; put defences of "
                "scores last."
            )
        else:
            steps.append(_made(kind, text, given))
    return steps[0] if len(steps) == 1 and not outputs else Chain(tuple(steps), tuple(outputs))


def _split(spec: str) -> list[str]:
    texts: list[str] = []
    for text in (each.strip() for each in _JOINT.split(spec)):
        texts += _SQUEEZE if text == "squeeze" else [text]
    return texts


def defence_class(name: str) -> Any:
    """The class of the defence called ``name``, pixelproof's or a plug-in's; None where there is none."""
    own = {**STEPS, **OUTPUTS}
    theirs = plugin("defences", name, (*own, _MASKS, "squeeze"))
    if theirs is None:
        return own.get(name)
    expected = "a dataclass with name, spec, differentiable and a default for each parameter"
    return theirs.load(expected, lambda found: found if _fits(found) else None)


def _fits(found: Any) -> bool:
    with_defaults = is_dataclass(found) and all(field.default is not MISSING for field in fields(found))
    said = all(hasattr(found, each) for each in ("name", "spec", "differentiable"))
    return isinstance(found, type) and with_defaults and said and hasattr(found, "__call__")  # noqa: B004  # its objects


def _of_scores(kind: type[Any]) -> bool:
    """Whether it changes probabilities, and not images: its call takes both."""
    return "probabilities" in signature(kind.__call__).parameters


def _kind(text: str) -> tuple[type[Any], str]:
    """The class of what is named in ``text``, and what stands in parentheses."""
    found = _PART.fullmatch(text)
    if found and found[1] == _MASKS:
        raise InputError(
            f"{text!r} stands around all other defences, as these may carry a change out of its block; put it first."
        )
    kind = defence_class(found[1]) if found else None
    if not found or kind is None:
        theirs = names("defences")
        hint = meant(text.partition("(")[0], (*STEPS, *OUTPUTS, _MASKS, "squeeze", *theirs))
        known = ", ".join((SPECS, *theirs))
        raise InputError(f"There is no defence {text!r}{hint}; expected {known}, or several joined by +.")
    return kind, found[2] or ""


def _made(kind: type[Any], text: str, given: str) -> Any:
    return kind(**_parameters(text, given, {field.name: type(field.default) for field in fields(kind)}))


def _parameters(text: str, given: str, types: dict[str, type]) -> dict[str, Any]:
    """The values in ``given`` by name, each of its type in ``types``, whose first name may be left out."""
    values: dict[str, Any] = {}
    for part in given.split(",") if given.strip() else ():
        name, named, value = part.rpartition("=")
        name = name.strip() if named else next(iter(types))
        if name not in types or name in values:
            hint = meant(name, types) if name not in types else ""
            raise InputError(
                f"{text!r} has {part.strip()!r}; expected each of {', '.join(types)} at most once, by name{hint}."
            )
        try:
            values[name] = types[name](value)
        except ValueError as error:
            number = "a whole number" if types[name] is int else "a number"
            raise InputError(f"{text!r} has {part.strip()!r}; expected {number} for {name}.") from error
    return values
