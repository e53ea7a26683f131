"""``maite:MODULE:OBJECT``: an image classifier of MAITE's protocols, which are structural: MAITE is not imported."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models.call import CallableClassifier, callable_fingerprint
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.fingerprint import module_fingerprint
from pixelproof.models.spec import Given


def load(given: Given) -> CallableClassifier:
    """``maite:PACKAGE.MODULE:OBJECT`` or ``maite:FILE.py:OBJECT``, a model or a function that returns one."""
    from pixelproof.models.user_code import built

    given.check()
    found = built(given.place, given.trust_code)
    if found is None or not is_maite_model(found[0]):
        what = "names no object" if found is None else f"is a {type(found[0]).__name__}"
        raise ModelError(
            f"{given.spec!r} {what}; expected maite:MODULE:OBJECT or maite:FILE.py:OBJECT, a model of MAITE's image "
            "classification protocol: called with a batch of images, and with metadata that hold an id."
        )
    return maite_classifier(found[0])


def is_maite_model(value: object) -> bool:
    """Whether ``value`` has what ``maite.protocols.image_classification.Model`` asks for."""
    metadata = getattr(value, "metadata", None)
    return callable(value) and not isinstance(value, type) and isinstance(metadata, Mapping) and "id" in metadata


def maite_classifier(model: Any, name: str | None = None, kind: ScoreKind | None = None) -> CallableClassifier:
    """A MAITE model, which is called with a list of images float32 C×H×W in [0, 1], tensors on the CPU.

    Its name is the id of its metadata. The fingerprint is of that, of its source, and of the torch modules that it
    keeps as attributes.
    """

    def scores(images: Tensor) -> object:
        targets: Tensor | Iterable[object] = model(list(images))
        return targets if isinstance(targets, Tensor) else list(targets)

    identifier = str(model.metadata["id"])
    parts = [f"maite\n{identifier}", callable_fingerprint(model)]
    parts += [module_fingerprint(each) for each in _modules(model)]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return CallableClassifier(scores, name=name or identifier, kind=kind, fingerprint=fingerprint)


def _modules(model: Callable[..., Any]) -> list[nn.Module]:
    kept = [model] if isinstance(model, nn.Module) else getattr(model, "__dict__", {}).values()
    return [each for each in kept if isinstance(each, nn.Module)]
