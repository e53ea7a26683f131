"""The one differentiable view of a defended classifier: as an attacker sees it who knows the defence and has the model.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018; Tramèr, Carlini, Brendel &
Madry, "On Adaptive Attacks to Adversarial Example Defenses", NeurIPS 2020.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import Tensor

from pixelproof.defences.bpda import Bpda
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.masked import MaskedClassifier
from pixelproof.defences.parse import parse_masked
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor, Seeded, parts
from pixelproof.defences.straight_through import straight_through
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier

#: Seeds of an attacker's draws: those from here on, which nobody types for a defence.
_GUESSES = 2**62


def make_adaptive(classifier: Classifier, defence: str, draws: int = 10) -> Classifier:
    """The undefended ``classifier`` behind ``defence``, a spec as of ``parse_masked``, made differentiable.

    A step on images that has no gradient gets one by BPDA; where steps are random, EOT averages over ``draws`` of them
    by seeds that are not the defence's own, which an attacker cannot know; differentiable steps stay as they are.
    Defences of the output are left out: they change how much is told of an answer, or add noise whose mean is nothing,
    while the model beneath is at hand. Masks have gradients as they are. Gradients exist where the classifier has some.

    What fools this model has still to fool the defended one (``defend``), which decides. Raises ``InputError`` for a
    bad spec or ``draws`` below 1.
    """
    masks, preprocessor = parse_masked(defence)
    inner = classifier if preprocessor is None else past_preprocessor(classifier, preprocessor, draws)
    return inner if masks is None else MaskedClassifier(inner, masks)


def past_preprocessor(classifier: Classifier, preprocessor: Preprocessor, draws: int = 10) -> Classifier:
    """``make_adaptive`` for a ``preprocessor`` at hand, which may be anybody's. Raises ``InputError`` as it does."""
    if draws < 1:
        raise InputError(f"At least 1 draw of a random defence was expected, not {draws}; 10 is usual.")
    steps, _ = parts(preprocessor)
    random = [isinstance(step, Seeded) for step in steps]
    if not any(random):
        return _behind(classifier, steps)
    first = random.index(True)  # what comes before it is the same for every draw
    seeds = range(_GUESSES, _GUESSES + draws)
    each = [_behind(classifier, [_drawn(step, seed) for step in steps[first:]]) for seed in seeds]
    return _behind(ExpectedClassifier(each), steps[:first])


def _behind(classifier: Classifier, steps: Iterable[Preprocessor]) -> Classifier:
    differentiable = tuple(step if step.differentiable else Bpda(step) for step in steps)
    if not differentiable:
        return classifier
    return PreprocessedClassifier(classifier, differentiable[0] if len(differentiable) == 1 else Chain(differentiable))


def _drawn(step: Preprocessor, seed: int) -> Preprocessor:
    return step.with_seed(seed) if isinstance(step, Seeded) else step


class Differentiable(NamedTuple):
    """``classifier`` as an attacker sees it who knows all of it; ``steps`` say what was done, and are empty where
    nothing had to be. ``passed`` are those steps that stand in for a gradient (BPDA), by name; ``stuck`` what has no
    gradient and could not be passed."""

    classifier: Classifier
    steps: tuple[str, ...]
    passed: tuple[str, ...]
    stuck: tuple[str, ...]


def make_differentiable(classifier: Classifier, images: Tensor, *, random: bool, draws: int) -> Differentiable:
    """``classifier`` with gradients wherever they can be had; ``images`` are a few real ones, N×C×H×W in [0, 1].

    Preprocessing defences are taken as in ``make_adaptive``; inside a torch module, ``straight_through`` passes layers.
    Where the same images get other answers every time (``random``), scores and gradients are means of ``draws`` (EOT).
    """
    found = _past(classifier, images, draws)
    if not random:
        return found
    steps = (*found.steps, f"EOT over {draws} draws")
    return found._replace(classifier=ExpectedClassifier([found.classifier] * draws), steps=steps)


def _past(classifier: Classifier, images: Tensor, draws: int) -> Differentiable:
    if isinstance(classifier, MaskedClassifier):
        inner = _past(classifier.classifier, images, draws)
        return inner._replace(classifier=classifier.around(inner.classifier))
    if not isinstance(classifier, PreprocessedClassifier):
        found, passed, stuck = straight_through(classifier, images)
        return Differentiable(found, tuple(f"BPDA past {name}" for name in passed), passed, stuck)
    preprocessor = classifier.preprocessor
    steps, _ = parts(preprocessor)
    for step in steps:
        images = step(images)
    inner = _past(classifier.classifier, images, draws)
    passed = tuple(step.name for step in steps if not step.differentiable)
    return Differentiable(
        past_preprocessor(inner.classifier, preprocessor, draws),
        (*_done(preprocessor, draws), *inner.steps),
        (*passed, *inner.passed),
        inner.stuck,
    )


def _done(preprocessor: Preprocessor, draws: int) -> Iterator[str]:
    steps, outputs = parts(preprocessor)
    for step in steps:
        if not step.differentiable:
            yield f"BPDA past {step.name}"
        if isinstance(step, Seeded):
            yield f"EOT over {draws} draws of {step.name}"
    for output in outputs:
        yield f"scores as they are before {output.name}"
