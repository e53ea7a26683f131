"""A defended classifier as an attacker sees it who knows the defence and has the model.

Athalye, Carlini & Wagner, "Obfuscated Gradients Give a False Sense of Security", ICML 2018; Tramèr, Carlini, Brendel &
Madry, "On Adaptive Attacks to Adversarial Example Defenses", NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Iterable

from pixelproof.defences.bpda import Bpda
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor, Seeded, parts
from pixelproof.defences.spelling import read_defence
from pixelproof.errors import InputError
from pixelproof.models.classifier import Classifier

#: Seeds of an attacker's draws: those from here on, which nobody types for a defence.
_GUESSES = 2**62


def adaptive(classifier: Classifier, defence: str, draws: int = 10) -> Classifier:
    """The undefended ``classifier`` behind ``defence``, spelled as for ``read_defence``, laid open to gradients.

    A step on images that has no gradient gets one by BPDA; where steps are random, EOT averages over ``draws`` of them
    by seeds that are not the defence's own, which an attacker cannot know; differentiable steps stay as they are.
    Defences of the output are left out: they change how much is told of an answer, or add noise whose mean is nothing,
    while the model beneath is at hand. Gradients exist where the classifier has some.

    What fools this model has still to fool the defended one (``defend``), which decides. Raises ``InputError`` for a
    bad spelling or ``draws`` below 1.
    """
    return laid_open(classifier, read_defence(defence), draws)


def laid_open(classifier: Classifier, preprocessor: Preprocessor, draws: int = 10) -> Classifier:
    """``adaptive`` for a ``preprocessor`` that is at hand, and may be anybody's. Raises ``InputError`` as it does."""
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
    open_steps = tuple(step if step.differentiable else Bpda(step) for step in steps)
    if not open_steps:
        return classifier
    return PreprocessedClassifier(classifier, open_steps[0] if len(open_steps) == 1 else Chain(open_steps))


def _drawn(step: Preprocessor, seed: int) -> Preprocessor:
    return step.with_seed(seed) if isinstance(step, Seeded) else step
